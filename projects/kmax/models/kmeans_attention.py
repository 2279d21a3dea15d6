"""k-means cross-attention: assign every pixel to one centre, then update the centres."""

import torch
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from torch import Tensor, nn

from .layers import BN, ConvBN1d, mark_std, norm_1d, start_silent
from .layers.folding import affine, scale_inputs


@MODELS.register_module()
class KMeansCrossAttention(nn.Module):
    """Cross-attention whose softmax over pixels is an argmax over centres (Eq. 7).

    Args:
        embed_dims: Channels of centres and pixel features.
        norm_cfg: Config of the batch norms.
    """

    def __init__(self, *, embed_dims: int = 256, norm_cfg: dict = BN) -> None:
        super().__init__()
        self.value = ConvModule(embed_dims, embed_dims, 1, norm_cfg=norm_cfg, act_cfg=None)
        mark_std(self.value.conv, embed_dims**-0.5)
        self.retrieved_bn = norm_1d(norm_cfg, embed_dims)
        self.out = start_silent(ConvBN1d(embed_dims, embed_dims, norm_cfg, act=False))

    def folded(self) -> 'KMeansCrossAttention':
        """Fold the norm of the sums into the convolution that follows, in place, for inference."""
        scale_inputs(self.out.conv, *affine(self.retrieved_bn))
        self.retrieved_bn = nn.Identity()
        return self

    @staticmethod
    def assign(mask_logits: Tensor) -> Tensor:
        """Return for every pixel the index of its centre.

        Args:
            mask_logits: ``(B, N, h, w)``.

        Returns:
            int64 ``(B, h, w)``; no gradient passes.
        """
        return mask_logits.detach().argmax(dim=1)

    @staticmethod
    def update(values: Tensor, assignment: Tensor, num_centers: int) -> Tensor:
        """Sum the values of each centre's pixels.

        Args:
            values: ``(B, C, h, w)``.
            assignment: ``(B, h, w)`` indices of centres.
            num_centers: ``N``.

        Returns:
            Sums ``(B, C, N)``, at least in float32: thousands of pixels may meet in one.
        """
        batch, channels = values.shape[:2]
        if values.dtype in (torch.float16, torch.bfloat16):
            values = values.float()
        offset = torch.arange(batch, device=values.device)[:, None] * num_centers
        index = (assignment.flatten(1) + offset).flatten()
        sums = values.new_zeros(batch * num_centers, channels)
        sums = sums.index_add(0, index, values.flatten(2).transpose(1, 2).flatten(0, 1))
        return sums.view(batch, num_centers, channels).transpose(1, 2)

    def forward(self, pixels: Tensor, mask_logits: Tensor) -> Tensor:
        """Return what the pixels add to each centre.

        Args:
            pixels: ``(B, C, h, w)``.
            mask_logits: ``(B, N, h, w)`` affinity of pixels to centres.

        Returns:
            ``(B, C, N)``.
        """
        values = self.value(pixels)
        sums = self.update(values, self.assign(mask_logits), mask_logits.shape[1])
        # The norm takes sums in its own precision: half only where the whole model is.
        return self.out(self.retrieved_bn(sums.to(self.out.conv.weight.dtype)))
