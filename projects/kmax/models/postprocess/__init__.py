"""From logits to panoptic, semantic and instance maps: one module per set of rules."""

from collections.abc import Callable

from torch import Tensor

from .maps import Frame, PanopticMaps, PostprocessConfig
from .maskwise import maskwise_maps
from .pixelwise import pixelwise_maps
from .port import port_results
from .results import pack_results

Rule = Callable[[Tensor, Tensor, Frame, PostprocessConfig, int], dict]


def _deeplab2_rule(make_maps: Callable[..., PanopticMaps]) -> Rule:
    def rule(
        cls_logits: Tensor,
        mask_logits: Tensor,
        frame: Frame,
        cfg: PostprocessConfig,
        num_things_classes: int,
    ) -> dict:
        maps = make_maps(cls_logits, mask_logits, frame, cfg, num_things_classes)
        return pack_results(maps, cfg, num_things_classes)

    return rule


RULES: dict[str, Rule] = {
    'deeplab2': _deeplab2_rule(maskwise_maps),
    'pixelwise': _deeplab2_rule(pixelwise_maps),
    'port': port_results,
}

__all__ = [
    'RULES',
    'Frame',
    'PanopticMaps',
    'PostprocessConfig',
    'Rule',
    'maskwise_maps',
    'pixelwise_maps',
    'port_results',
]
