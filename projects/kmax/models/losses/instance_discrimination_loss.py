"""Instance discrimination on sampled pixels."""

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...runtime.values import check_counts, check_number
from ..structures import KMaXPrediction
from .ground_truth import GroundTruthMasks
from .interface import KMaXLoss, LossInputs
from .sampling import sample_pixels, sampling_logits

BLOCK = 1024
"""Rows of the similarity matrix that are worked on together."""


@MODELS.register_module()
class InstanceDiscriminationLoss(KMaXLoss):
    """Contrast of pixel features: alike within a mask, different between masks.

    MaX-DeepLab (arXiv 2012.00759), section 3.4, on pixels sampled as in kMaX-DeepLab, section 4.1.

    Args:
        loss_weight: Weight of the loss.
        num_samples: Pixels sampled per image and prediction.
        sample_temperature: How strongly sampling prefers small masks.
        temperature: Divides the similarities.
    """

    def __init__(
        self,
        loss_weight: float = 1.0,
        num_samples: int = 4096,
        sample_temperature: float = 1.5,
        temperature: float = 0.3,
    ) -> None:
        super().__init__(loss_weight)
        check_counts('InstanceDiscriminationLoss', num_samples=num_samples)
        for name, value in dict(
            sample_temperature=sample_temperature, temperature=temperature
        ).items():
            check_number(f'InstanceDiscriminationLoss.{name}', value, above=0)
        self.num_samples = num_samples
        self.sample_temperature = sample_temperature
        self.temperature = temperature

    def noise_length(self, prediction: KMaXPrediction, size: tuple[int, int]) -> int:
        """Return the number of pixels of the masks: every prediction has samples of its own."""
        return size[0] * size[1]

    def sample(self, masks: GroundTruthMasks, noise: Tensor) -> Tensor:
        """Sample pixels ``(..., B, S)`` with Gumbel draws ``(..., B, L)``."""
        logits = sampling_logits(masks.pixel_area, masks.void, self.sample_temperature)
        return sample_pixels(logits, noise.to(logits), self.num_samples)

    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the mean loss of the batch."""
        assert inputs.noise is not None
        masks, shares = inputs.masks, inputs.matches.shares
        pixels = self.sample(masks, inputs.noise)
        features = gather_features(inputs.pixel_feature, pixels, inputs.size, inputs.align_corners)
        inside = masks.inside.gather(1, pixels)
        void = masks.void.gather(1, pixels)
        if shares is not None:
            index = pixels[:, None].expand(-1, shares.shape[1], -1)
            members = shares.gather(2, index).transpose(1, 2)
        else:
            rows = torch.arange(masks.binary.shape[1], device=pixels.device)
            members = masks.row.gather(1, pixels)[:, :, None] == rows
        members = members.to(features) * (inside & ~void)[:, :, None]
        labelled = (~void).to(features)
        losses = _Contrast.apply(features, members, labelled, self.temperature, shares is not None)
        return self.loss_weight * losses.mean()


def gather_features(
    pixel_feature: Tensor, pixels: Tensor, size: tuple[int, int], align_corners: bool = True
) -> Tensor:
    """Features ``(B, S, D)`` at ``pixels`` ``(B, S)`` of a map resized bilinearly to ``size``.

    The resized map itself is never made. A row of two pixels, ``(B, D, h', w')``, as one of three:

    >>> row = torch.tensor([[[[0.0, 1.0]]]])
    >>> gather_features(row, torch.tensor([[0, 1, 2]]), size=(1, 3))[0, :, 0]
    tensor([0.0000, 0.5000, 1.0000])
    """
    batch, channels, height, width = pixel_feature.shape
    rows = pixel_feature.permute(0, 2, 3, 1).reshape(-1, channels)
    first = torch.arange(batch, device=pixels.device)[:, None] * (height * width)
    if (height, width) == tuple(size):
        return rows[(first + pixels).flatten()].view(*pixels.shape, channels)
    dtype = pixel_feature.dtype
    neighbours = _neighbours if align_corners else _neighbours_of_centres
    top, bottom, down = neighbours(pixels // size[1], size[0], height, dtype)
    left, right, across = neighbours(pixels % size[1], size[1], width, dtype)
    corners = [(top, left), (top, right), (bottom, left), (bottom, right)]
    index = torch.stack([first + y * width + x for y, x in corners], dim=-1)
    up, back = 1 - down, 1 - across
    weight = torch.stack([up * back, up * across, down * back, down * across], dim=-1)
    features = F.embedding_bag(
        index.view(-1, 4), rows, per_sample_weights=weight.view(-1, 4), mode='sum'
    )
    return features.view(*pixels.shape, channels)


def _neighbours(
    position: Tensor, size: int, source: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Two neighbours in the source of each position and the weight of the second."""
    scaled = position * (source - 1)
    first = scaled // max(size - 1, 1)
    weight = (scaled - first * (size - 1)).to(dtype) / max(size - 1, 1)
    return first, (first + 1).clamp(max=source - 1), weight


def _neighbours_of_centres(
    position: Tensor, size: int, source: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """The same where the outer edges of both grids, not the corner pixels' centres, coincide."""
    scaled = ((2 * position + 1) * source - size).clamp(min=0)
    first = scaled // (2 * size)
    weight = (scaled - first * (2 * size)).to(dtype) / (2 * size)
    return first, (first + 1).clamp(max=source - 1), weight


class _Contrast(torch.autograd.Function):
    """Cross-entropy between ``f f^T / temperature`` and the row-normalised same-mask matrix.

    For pixel i of mask m it is ``logsumexp_j(f_i f_j / t) - f_i mean_{j in m}(f_j) / t``: the
    target matrix is never built. Values and gradient come from half of one symmetric
    similarity matrix per image, which is not kept. Where masks overlap, the same-mask matrix
    holds the products of the pixels' shares.
    """

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        members: Tensor,
        labelled: Tensor,
        temperature: float,
        shared: bool,
    ) -> Tensor:
        images = [
            _contrast_of_image(*image, temperature, shared)
            for image in zip(features, members, labelled, strict=True)
        ]
        ctx.save_for_backward(torch.stack([grad for _, grad in images]))
        return torch.stack([loss for loss, _ in images])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor, None, None, None, None]:
        (grad,) = ctx.saved_tensors
        return grad * grad_loss[:, None, None], None, None, None, None


def _contrast_of_image(
    features: Tensor, members: Tensor, labelled: Tensor, temperature: float, shared: bool
) -> tuple[Tensor, Tensor]:
    """Loss of one image and its gradient to the features ``(S, D)``.

    Pixels 0 and 1, of one feature, are in mask 0; pixel 2, at a right angle to them, is in mask 1.

    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> members = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> loss, grad = _contrast_of_image(features, members, torch.ones(3), 1.0, shared=False)

    The similarities of pixel 0 to all three are 1, 1 and 0, and it should be like pixels 0 and 1 by
    halves: a cross-entropy of ``log(e + e + 1) - (1 + 1) / 2``, and so for pixel 1. Pixel 2 should
    be like itself: ``log(1 + 1 + e) - 1``. The loss is the mean of the three:

    >>> similarity = features @ features.T
    >>> target = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    >>> rows = similarity.logsumexp(1) - (target * similarity).sum(1)
    >>> rows, loss
    (tensor([0.8620, 0.8620, 0.5514]), tensor(0.7585))

    A step against the gradient turns pixel 2 away from the others:

    >>> (grad[2] < 0).tolist(), (grad[0] < 0).tolist()
    ([False, True], [True, False])
    """
    scaled = features / temperature
    if shared:
        alike = (members @ members.sum(0)).clamp(min=1)  # row sums of the same-mask matrix
        own_mean = members @ (members.T @ scaled) / alike[:, None]
        mean_of_others = members @ (members.T @ (scaled / alike[:, None]))
    else:
        means = members.T @ scaled / members.sum(0).clamp(min=1)[:, None]
        own_mean = mean_of_others = members @ means
    # No similarity exceeds the greatest squared norm, so one shift serves the symmetric matrix.
    shift = (scaled * features).sum(1).amax()
    totals, blocks = _exponentials(scaled, features, shift)
    has_mask = members.sum(1)
    losses = (totals.log() + shift - (features * own_mean).sum(1)) * has_mask
    count = (losses != 0).sum()
    # A labelled pixel without a mask has no loss, but TensorFlow's cross-entropy back-propagates
    # its softmax all the same.
    scale = (count > 0) / count.clamp(min=1)
    row_weight = labelled * scale / totals
    grad = -scale * (own_mean + mean_of_others)
    _add_product_(grad, blocks, row_weight, scaled)
    return losses.sum() * scale, grad


def _exponentials(scaled: Tensor, features: Tensor, shift: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Exponentials of the similarities less ``shift``, and the sums ``(S,)`` of all rows.

    The matrix is symmetric: of each block of rows only what starts on the diagonal is made.
    """
    totals = scaled.new_zeros(len(scaled))
    blocks = []
    for start in range(0, len(scaled), BLOCK):
        rows = scaled[start : start + BLOCK]
        block = torch.addmm(-shift, rows, features[start:].T).exp_()
        totals[start : start + BLOCK] += block.sum(1)
        totals[start + BLOCK :] += block[:, BLOCK:].sum(0)
        blocks.append(block)
    return totals, blocks


def _add_product_(grad: Tensor, blocks: list[Tensor], row_weight: Tensor, scaled: Tensor) -> None:
    """Add ``(E_ij (w_i + w_j)) scaled`` to ``grad``; the blocks of E are used up."""
    for start in range(0, len(scaled), BLOCK):
        block = blocks.pop(0)
        rows = slice(start, start + BLOCK)
        block *= row_weight[rows, None] + row_weight[start:]
        grad[rows].addmm_(block, scaled[start:])
        grad[start + BLOCK :].addmm_(block[:, BLOCK:].T, scaled[rows])
