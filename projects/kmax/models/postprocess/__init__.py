"""From logits to panoptic, semantic and instance maps: one module per set of rules."""

from collections.abc import Callable

from .finite import image_name, refuse_infinite, sum_logits
from .maps import Frame, ImagePrediction, PostprocessConfig
from .maskwise import maskwise_results
from .pixelwise import pixelwise_results
from .port import port_results

RULES: dict[str, Callable[[ImagePrediction], dict]] = {
    'deeplab2': maskwise_results,
    'pixelwise': pixelwise_results,
    'port': port_results,
}
"""How ``test_cfg.postprocess`` calls what makes the results of an image."""

__all__ = [
    'RULES',
    'Frame',
    'ImagePrediction',
    'PostprocessConfig',
    'image_name',
    'maskwise_results',
    'pixelwise_results',
    'port_results',
    'refuse_infinite',
    'sum_logits',
]
