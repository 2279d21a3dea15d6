"""What is exported: the network and, for maps, the merge of its masks."""

from typing import Any

import torch
from torch import Tensor, nn

from ..models import KMaXDeepLab
from .merging import Merge, MergedMaps
from .rules import RULES

PRECISIONS = dict(fp32=torch.float32, fp16=torch.float16, int8=torch.float32)
"""In which most of the network is exported; integers come after that."""


class DeployedModel(nn.Module):
    """From the padded image to logits: a folded model, with its normalisation.

    In half precision the backbone and the pixel decoder are, which most of the time goes to. The
    rest stays in float32: pixels are assigned by the largest of logits, of which rounded ones tie,
    thousands of values are summed for a centre, and softmax over the queries decides by thresholds.

    Args:
        detector: The model, in evaluation mode.
        precision: Of :data:`PRECISIONS`; ``'fp16'`` is half precision.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, detector: KMaXDeepLab, precision: str = 'fp32') -> None:
        super().__init__()
        self.model: Any = detector.fold()
        self.dtype = PRECISIONS[precision]
        for part in (self.model.backbone, self.model.panoptic_head.pixel_decoder):
            part.to(self.dtype)
        preprocessor: Any = detector.data_preprocessor
        self.register_buffer('mean', preprocessor.mean.view(1, 3, 1, 1).clone())
        self.register_buffer('std', preprocessor.std.view(1, 3, 1, 1).clone())

    def forward(
        self, image: Tensor, content: Tensor, residual: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Predict.

        Args:
            image: ``(B, H, W, 3)`` of levels 0 to 255, RGB.
            content: ``(2,)`` int64: rows and columns, from the upper left, that show the image.
            residual: ``(B, H, W, 3)`` float32: what rounding took from the levels.

        Returns:
            Class ``(B, N, K + 1)`` and mask logits ``(B, N, h, w)``.
        """
        rows, columns = (
            torch.arange(image.shape[axis], device=image.device) < content[axis - 1]
            for axis in (1, 2)
        )
        levels = image.to(self.mean)
        if residual is not None:
            levels = levels + residual
        pixels = (levels.permute(0, 3, 1, 2) - self.mean) / self.std
        # What is padded is 0 once normalised, whatever the padding holds.
        pixels = torch.where(rows[:, None] & columns, pixels, 0.0)
        head = self.model.panoptic_head
        stages = head.pixel_decoder(self.model.extract_feat(pixels.to(self.dtype)))
        stages = [stage.to(self.mean) for stage in stages]
        class_feature, mask_feature, _ = head.transformer_decoder(stages, with_aux=False)
        prediction = head.predictor(stages[-1], class_feature, mask_feature)
        return prediction.cls_logits, prediction.mask_logits


class DeployedMaps(nn.Module):
    """From the padded image to panoptic maps.

    Args:
        network: Gives the logits.
        merge: Merges them.
    """

    def __init__(self, network: DeployedModel, merge: Merge) -> None:
        super().__init__()
        self.network = network
        self.merge = merge

    def forward(self, image: Tensor, content: Tensor, residual: Tensor | None = None) -> MergedMaps:
        """Predict one image ``(1, H, W, 3)``; see :class:`DeployedModel`."""
        cls_logits, mask_logits = self.network(image, content, residual)
        return self.merge(cls_logits[0], mask_logits[0], content)


@torch.no_grad()
def build_maps(
    network: DeployedModel, detector: KMaXDeepLab, size: tuple[int, int], fills: bool = False
) -> DeployedMaps:
    """Return what makes maps of inputs of one size ``(H, W)``; ``fills`` as in :class:`Merge`."""
    image = torch.zeros((1, *size, 3), dtype=torch.uint8)
    cls_logits, mask_logits = network(image, torch.tensor(size))
    fusion: Any = detector.panoptic_fusion_head
    _, *mask_shape = mask_logits.shape
    num_classes = cls_logits.shape[-1] - 1
    counts = fusion.num_things_classes, num_classes
    cfg = fusion.read_test_cfg()
    merge = RULES[cfg.postprocess](cfg, *counts, tuple(mask_shape), size, fills)
    return DeployedMaps(network, merge)
