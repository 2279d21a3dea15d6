"""The panoptic fusion head: sizes and rules for every image of a batch."""

from collections.abc import Mapping
from typing import Any

import torch
from mmdet.models.seg_heads import BasePanopticFusionHead
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor

from ..runtime.values import check_number
from ..void import MAX_CLASSES
from .layers import at_least_float32
from .postprocess import RULES, Frame, ImagePrediction, PostprocessConfig, image_name


@MODELS.register_module()
class KMaXFusionHead(BasePanopticFusionHead):
    """Makes panoptic, semantic and instance results from class and mask logits.

    Args:
        num_things_classes: Number of thing classes, which come first.
        num_stuff_classes: Number of stuff classes.
        test_cfg: Fields of :class:`~projects.kmax.models.postprocess.PostprocessConfig`.

    Raises:
        ValueError: When ``test_cfg`` names unknown fields or rules, or there are more classes than
            panoptic maps can hold.
    """

    def __init__(
        self,
        num_things_classes: int,
        num_stuff_classes: int,
        test_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(num_things_classes, num_stuff_classes, test_cfg=test_cfg)
        _check_classes(num_things_classes, num_stuff_classes)
        self.read_test_cfg()

    def loss(self, **kwargs: Any) -> dict:
        """Return nothing: there is nothing to train."""
        return {}

    @torch.no_grad()
    def predict(
        self,
        cls_logits: Tensor,
        mask_logits: Tensor,
        data_samples: SampleList,
        rescale: bool = True,
        cfg: PostprocessConfig | None = None,
    ) -> list[dict]:
        """Post-process a batch.

        Args:
            cls_logits: ``(B, N, K + 1)``, void last.
            mask_logits: ``(B, N, h, w)`` at the stride of the masks.
            data_samples: Their metainfo holds ``img_shape``, ``ori_shape`` and, where the input is
                padded, ``batch_input_shape``; see :meth:`Frame.from_metainfo`.
            rescale: Return maps of the original image's size, else of the resized image's.
            cfg: Instead of ``test_cfg``.

        Returns:
            Per image ``pan_results``, ``sem_results`` and ``ins_results`` as asked by
            ``test_cfg``. Panoptic maps hold ``label + instance * 1000`` and, for void, the
            number of classes.

        Raises:
            ValueError: When the sizes in a metainfo are missing or contradict each other, or logits
                are not finite.
        """
        cfg = cfg or self.read_test_cfg()
        rule = RULES[cfg.postprocess]
        frames = [Frame.from_metainfo(sample.metainfo, rescale) for sample in data_samples]
        logits = at_least_float32(cls_logits), at_least_float32(mask_logits)
        names = [image_name(sample) for sample in data_samples]
        return [
            rule(ImagePrediction(classes, masks, frame, cfg, self.num_things_classes, name))
            for classes, masks, frame, name in zip(*logits, frames, names, strict=True)
        ]

    def read_test_cfg(self, **changes: Any) -> PostprocessConfig:
        """Return the fields of ``test_cfg``, some of them changed.

        Raises:
            ValueError: For a field that does not exist, or a value that it cannot have.
        """
        cfg = PostprocessConfig.from_test_cfg({**(self.test_cfg or {}), **changes})
        if cfg.postprocess not in RULES:
            raise ValueError(
                f'test_cfg.postprocess is {cfg.postprocess!r}; choose one of {sorted(RULES)}'
            )
        return cfg


def _check_classes(num_things: int, num_stuff: int) -> None:
    for name, number in (('things', num_things), ('stuff', num_stuff)):
        check_number(f'panoptic_head.num_{name}_classes', number, 0, whole=True)
    if not 0 < num_things + num_stuff <= MAX_CLASSES:
        raise ValueError(
            f'panoptic_head.num_things_classes {num_things} and num_stuff_classes {num_stuff} make '
            f'{num_things + num_stuff} classes, but panoptic maps, which hold label + 1000 * '
            f'instance, have room for 1 to {MAX_CLASSES}'
        )
