"""What a loss is given, and what it must answer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ...runtime.values import check_number
from ..structures import KMaXPrediction, KMaXTargets
from .ground_truth import GroundTruthMasks, Matches
from .pixel_softmax import PixelSoftmax


@dataclass(frozen=True)
class LossInputs:
    """All that the losses of one prediction, final or auxiliary, are computed from.

    ``B`` images, ``N`` queries, ``K`` classes, ``M`` masks at most in an image, and ``L = h * w``
    pixels, those of the final prediction's masks. Values of the network are float32, or float64 if
    they come so, and carry gradients; the matches carry none.

    Attributes:
        cls_logits: ``(B, N, K + 1)``, void last.
        mask_logits: ``(B, N, L)``, those of an auxiliary prediction resized.
        pixel_feature: ``(B, D, h', w')``, L2-normalised, at the prediction's own resolution; see
            :func:`.gather_features` for those at some of the ``L`` pixels.
        softmax: The mask logits' softmax over the queries, reduced to ``(B, L)`` and ``(B, N)``.
        targets: Ground truth of each image, at its own resolution.
        masks: The ground-truth masks of the batch, at ``size``.
        matches: Which mask each query, and which query each pixel was matched to.
        size: ``(h, w)``.
        align_corners: How what has the prediction's own resolution is brought to ``size``.
        semantic_logits: ``(B, C, h'', w'')`` with the final prediction of a head that has a
            semantic decoder, else None.
        noise: ``(B, noise_length)`` Gumbel draws for a loss that asks for them, else None.
    """

    cls_logits: Tensor
    mask_logits: Tensor
    pixel_feature: Tensor
    softmax: PixelSoftmax
    targets: Sequence[KMaXTargets]
    masks: GroundTruthMasks
    matches: Matches
    size: tuple[int, int]
    align_corners: bool
    semantic_logits: Tensor | None = None
    noise: Tensor | None = None


class KMaXLoss(nn.Module, ABC):
    """Base of all losses: one term for each prediction that the loss applies to.

    A subclass that is registered in mmdet's ``MODELS`` can be named in the config of
    :class:`.KMaXCriterion`, which calls the three methods below and reads nothing else of it.

    Args:
        loss_weight: Weight of the loss, by which the subclass multiplies its term.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        check_number(f'{type(self).__name__}.loss_weight', loss_weight, 0)
        self.loss_weight = loss_weight

    def applies_to(self, prediction: KMaXPrediction) -> bool:
        """Tell whether there is a term for a prediction; by default for every one.

        Args:
            prediction: The final one, a :class:`.KMaXOutput`, or an auxiliary one.
        """
        return True

    def noise_length(self, prediction: KMaXPrediction, size: tuple[int, int]) -> int:
        """Return of how many pixels the loss draws samples; 0, the default, if of none.

        As many Gumbel draws per image are then in :attr:`LossInputs.noise`.

        Args:
            prediction: One that the loss applies to.
            size: ``(h, w)`` of the final prediction's masks.
        """
        return 0

    @abstractmethod
    def forward(self, inputs: LossInputs) -> Tensor:
        """Return the term, a scalar: the weighted mean over the batch."""
