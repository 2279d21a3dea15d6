"""ConvNeXt as the original uses it: no norms on the outputs, padding that keeps odd sizes whole."""

from typing import Any, Literal

import torch.nn.functional as F
from mmdet.registry import MODELS
from mmpretrain.models.backbones import ConvNeXt
from torch import Tensor

from ...runtime.values import check_number

STEM_PADDING = (1, 2)
STAGE_PADDING = (0, 1)
NUM_STAGES = 4


@MODELS.register_module()
class KMaXConvNeXt(ConvNeXt):
    """mmpretrain's ConvNeXt as deeplab2 uses it; parameter names and shapes are mmpretrain's.

    Outputs are not activated, and neither normalised. Zeros are padded before the norm that each
    stage starts with, so that they become its bias.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'``, or ``depths`` and ``channels``.
        padding: ``'odd'`` pads odd heights and widths, as the original; ``'always'`` all, as the
            port. Either way a stage on stride ``s`` has ``ceil(H / s)`` rows.
        frozen_stages: How many stages keep their weights, the first with the stem; 0 for none.
            There is no ``norm_eval``: layer norms have no statistics.
        **kwargs: Further arguments of mmpretrain's ``ConvNeXt``, but neither ``out_indices`` nor
            ``gap_before_final_norm``: the stem and all stages are returned, without a norm.

    Raises:
        TypeError: If one of those two is given.
        ValueError: If ``padding`` is unknown, or there are not so many stages to freeze.
    """

    def __init__(
        self,
        arch: str | dict = 'tiny',
        padding: Literal['odd', 'always'] = 'odd',
        frozen_stages: int = 0,
        **kwargs: Any,
    ) -> None:
        for name in ('out_indices', 'gap_before_final_norm'):
            if name in kwargs:
                raise TypeError(f'KMaXConvNeXt does not take {name}')
        if padding not in ('odd', 'always'):
            raise ValueError(f"padding is {padding!r}, not 'odd' or 'always'")
        check_number('KMaXConvNeXt.frozen_stages', frozen_stages, 0, NUM_STAGES, whole=True)
        super().__init__(arch, out_indices=(), frozen_stages=frozen_stages, **kwargs)
        self.padding = padding

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return features of ``(B, 3, H, W)`` at strides 4 (stem), 4, 8, 16 and 32."""
        x = self.downsample_layers[0](self._pad(x, STEM_PADDING))
        outs = [x, self.stages[0](x)]
        for downsample, stage in zip(self.downsample_layers[1:], self.stages[1:], strict=True):
            outs.append(stage(downsample(self._pad(outs[-1], STAGE_PADDING))))
        return tuple(outs)

    def _pad(self, x: Tensor, amount: tuple[int, int]) -> Tensor:
        height, width = x.shape[-2:]
        return F.pad(x, [*self._of_axis(width, amount), *self._of_axis(height, amount)])

    def _of_axis(self, size: int, amount: tuple[int, int]) -> tuple[int, int]:
        if self.padding == 'always' or size % 2:
            return amount
        # The original would lose the last two of a size that 4 does not divide.
        return (0, size % 4) if amount == STEM_PADDING else (0, 0)
