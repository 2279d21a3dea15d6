"""All losses of kMaX-DeepLab on the final and the auxiliary predictions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ...runtime.values import check_number
from ..assigner import mask_dice
from ..layers import at_least_float32
from ..structures import KMaXOutput, KMaXPrediction, KMaXTargets
from .ground_truth import MIN_WEIGHT, GroundTruthMasks, Matches
from .interface import KMaXLoss, LossInputs
from .loss_terms import LossTerms
from .pixel_softmax import ReducePixelSoftmax
from .sampling import gumbel_noise
from .statistics import pixel_accuracy, query_statistics

VOIDS = ('semantic', 'unmatched')
ALIGNMENTS = (True, 'odd_height')


@MODELS.register_module()
class KMaXCriterion(nn.Module):
    """Match queries with ground truth once, by the final prediction, and compute every loss.

    kMaX-DeepLab, section 4.1: the auxiliary predictions share the matching, the sampling weights
    and the loss weights of the final one. Losses are computed in float32, or float64 if they come
    so, whatever autocast says. NaN stays NaN.

    Args:
        num_classes: Thing and stuff classes K; the class logits have K + 1 channels.
        assigner: Config of the assigner, with the methods of :class:`.KMaXHungarianAssigner`.
        loss_cls: Config of the class term of the PQ-style loss.
        loss_dice: Config of the mask term of the PQ-style loss.
        loss_mask: Config of the mask-id cross-entropy.
        loss_insdis: Config of the instance discrimination loss.
        loss_semantic: Config of the semantic loss; without effect where the head has no semantic
            decoder.
        losses: Configs of further losses, each a :class:`.KMaXLoss`, by the names of their terms,
            ``loss_*``. None leaves a loss out, be it inherited from a base config or one of the
            five above.
        void: Which pixels the mask losses leave out. ``'semantic'``, the original's: those without
            a class; labelled pixels without a mask have no loss, but their logits are pushed down
            together. ``'unmatched'``, the port's: those in no ground-truth mask, and after the
            matching those in no matched mask, which matters with more masks than queries. The
            semantic loss always counts every pixel that has a class.
        split_overlaps: Whether pixels in several masks are divided among them, as in the port.
            By default masks are taken not to overlap, as those of panoptic segments.
        share_matching: Whether the auxiliary predictions are matched as the final one is, instead
            of each by itself.
        align_corners: How auxiliary predictions are brought to the masks' resolution: True, the
            original's, or ``'odd_height'``, the port's: corners aligned where the height of the
            auxiliary prediction is odd.
        min_weight: Least weight of a matched query in the PQ-style loss. With the original's, masks
            that are hardly found yet are hardly learnt either, which long training overcomes.

    Raises:
        ValueError: For a value of ``void`` or ``align_corners``, or a name in ``losses``, that
            cannot be.
        TypeError: If a config builds something else than a :class:`.KMaXLoss`.
    """

    def __init__(
        self,
        num_classes: int,
        assigner: dict | None = None,
        loss_cls: dict | None = None,
        loss_dice: dict | None = None,
        loss_mask: dict | None = None,
        loss_insdis: dict | None = None,
        loss_semantic: dict | None = None,
        losses: Mapping[str, dict | None] | None = None,
        void: str = 'semantic',
        split_overlaps: bool = False,
        share_matching: bool = True,
        align_corners: bool | str = True,
        min_weight: float = MIN_WEIGHT,
    ) -> None:
        super().__init__()
        if void not in VOIDS:
            raise ValueError(f'KMaXCriterion: void is {void!r}, expected one of {VOIDS}')
        if align_corners not in ALIGNMENTS:
            raise ValueError(
                f'KMaXCriterion: align_corners is {align_corners!r}, expected one of {ALIGNMENTS}'
            )
        check_number('KMaXCriterion.min_weight', min_weight, 0)
        self.num_classes = num_classes
        self.void = void
        self.align_corners = align_corners
        self.assigner = TASK_UTILS.build({'type': 'KMaXHungarianAssigner', **(assigner or {})})
        self.split_overlaps = split_overlaps
        self.share_matching = share_matching
        self.min_weight = min_weight
        own = dict(
            loss_cls={'type': 'PQStyleClassLoss', **(loss_cls or {})},
            loss_dice={'type': 'PQStyleDiceLoss', **(loss_dice or {})},
            loss_mask={'type': 'MaskIDLoss', **(loss_mask or {})},
            loss_insdis={'type': 'InstanceDiscriminationLoss', **(loss_insdis or {})},
            loss_semantic={'type': 'AuxSemanticLoss', **(loss_semantic or {})},
        )
        # Any: mypy takes the values of a ModuleDict for modules without methods.
        self.losses: Any = _build_losses(own, losses or {})
        self.softmax = ReducePixelSoftmax()

    def forward(
        self,
        output: KMaXOutput,
        targets: Sequence[KMaXTargets],
        noise: Sequence[Tensor] | None = None,
        with_statistics: bool = False,
    ) -> dict[str, Tensor]:
        """Return every loss term, averaged over the batch.

        Args:
            output: Predictions of a batch, the masks' logits ``(B, N, h, w)``.
            targets: Ground truth of each image, at that or a multiple of that resolution.
            noise: Gumbel draws ``(B, h * w)`` of every sampling, in the order final prediction,
                auxiliary ones, semantic (where it samples), further losses; drawn here by default.
            with_statistics: Whether to add figures for the log: those of
                :func:`query_statistics`, and :func:`pixel_accuracy` of every prediction.

        Returns:
            ``loss_cls``, ``loss_dice``, ``loss_mask``, ``loss_insdis``, ``loss_semantic`` (with
            semantic logits only), any further losses, and all of them but ``loss_semantic`` for
            each auxiliary prediction ``d0.*``, ...

        Raises:
            ValueError: The class logits do not have K + 1 channels, the noise has not one entry per
                sampling, or targets are coarser than the logits.
        """
        if output.cls_logits.shape[-1] != self.num_classes + 1:
            raise ValueError(
                f'cls_logits have {output.cls_logits.shape[-1]} channels, expected '
                f'{self.num_classes + 1}: {self.num_classes} classes and void'
            )
        levels = [output, *output.aux]
        draws = self._draws(levels, noise)
        terms: dict[str, Tensor] = {}
        with torch.autocast(output.mask_logits.device.type, enabled=False):
            for index, inputs in enumerate(self._inputs(output, targets)):
                names = [n for n, loss in self.losses.items() if loss.applies_to(levels[index])]
                own = {n: draws[n, index] for n in names if (n, index) in draws}
                found = self.losses(inputs, names, own)
                if with_statistics:
                    found['pixel_accuracy'] = pixel_accuracy(inputs)
                    if index == 0:
                        found.update(query_statistics(inputs))
                prefix = f'd{index - 1}.' if index else ''
                terms.update({prefix + name: value for name, value in found.items()})
        return terms

    def _inputs(self, output: KMaXOutput, targets: Sequence[KMaXTargets]) -> Iterator[LossInputs]:
        """Match, and yield what the losses of each prediction need, the final one's first."""
        height, width = output.mask_logits.shape[-2:]
        size = height, width
        dtype = at_least_float32(output.mask_logits).dtype
        all_masks = GroundTruthMasks.collate(targets, size, dtype, self.void)
        semantic = output.semantic_logits
        if semantic is not None:
            semantic = at_least_float32(semantic)
        for index, level in enumerate([output, *output.aux]):
            cls_logits = at_least_float32(level.cls_logits)
            mask_logits = self._resized_masks(level, size)
            if index == 0 or not self.share_matching:
                matches = self.match(cls_logits.detach(), mask_logits.detach(), all_masks)
                by_class = self.void == 'semantic'
                masks = all_masks if by_class else all_masks.keep_matched(matches)
            yield LossInputs(
                cls_logits=cls_logits,
                mask_logits=mask_logits,
                pixel_feature=at_least_float32(level.pixel_feature),
                softmax=self.softmax(mask_logits, matches, masks.inside),
                targets=targets,
                masks=masks,
                matches=matches,
                size=size,
                align_corners=self._aligns_corners(level),
                semantic_logits=semantic if index == 0 else None,
            )

    def _draws(
        self, levels: Sequence[KMaXPrediction], noise: Sequence[Tensor] | None
    ) -> dict[tuple[str, int], Tensor]:
        """Gumbel draws for every loss and level that samples: those given, or new ones."""
        height, width = levels[0].mask_logits.shape[-2:]
        lengths = {
            (name, index): length
            for name, loss in self.losses.items()
            for index, level in enumerate(levels)
            if loss.applies_to(level) and (length := loss.noise_length(level, (height, width))) > 0
        }
        if noise is None:
            like = at_least_float32(levels[0].mask_logits)
            noise = []
            for _, entries in groupby(lengths.items(), key=lambda entry: entry[0][0]):
                sizes = [len(like) * length for _, length in entries]
                draws = gumbel_noise((sum(sizes),), like).split(sizes)
                noise += [draw.view(len(like), -1) for draw in draws]
        if len(noise) != len(lengths):
            counts = Counter(name for name, _ in lengths)
            raise ValueError(
                f'noise has {len(noise)} entries, expected {len(lengths)}: '
                + ', '.join(f'{count} for {name}' for name, count in counts.items())
            )
        return dict(zip(lengths, noise, strict=True))

    @torch.no_grad()
    def match(self, cls_logits: Tensor, mask_logits: Tensor, masks: GroundTruthMasks) -> Matches:
        """Match the queries of a prediction with the masks.

        Args:
            cls_logits: ``(B, N, K + 1)``.
            mask_logits: ``(B, N, L)``.
            masks: The ground-truth masks of the batch.
        """
        cls_probs = cls_logits.softmax(-1)
        probs = mask_logits.softmax(1)
        valid = (~masks.void).to(probs)
        dice = mask_dice(probs, masks.binary, valid)
        similarity = self.assigner.similarity(cls_probs, dice, masks.labels)
        queries = self.assigner.match(similarity, masks.exists, masks.area)
        mass = probs.sum(-1)
        void_mass = torch.bmm(probs, 1 - valid[:, :, None])[:, :, 0]
        void_share = void_mass / (mass + 1e-5)
        matches = Matches.gather(masks, queries, cls_probs, dice, void_share, self.min_weight)
        if self.split_overlaps and masks.overlap():
            return matches.split_overlaps(masks, queries)
        return matches

    def _resized_masks(self, level: KMaXPrediction, size: tuple[int, int]) -> Tensor:
        """Mask logits ``(B, N, L)`` at the resolution of the final prediction."""
        mask_logits = at_least_float32(level.mask_logits)
        if mask_logits.shape[-2:] != size:
            mask_logits = F.interpolate(
                mask_logits, size, mode='bilinear', align_corners=self._aligns_corners(level)
            )
        return mask_logits.flatten(2)

    def _aligns_corners(self, level: KMaXPrediction) -> bool:
        return self.align_corners is True or level.mask_logits.shape[-2] % 2 == 1


def _build_losses(own: Mapping[str, dict], further: Mapping[str, dict | None]) -> LossTerms:
    """Build the five losses and further ones, but those of which ``further`` says None."""
    for name, cfg in further.items():
        if name in own and cfg is not None:
            raise ValueError(
                f'KMaXCriterion: losses.{name} is {cfg!r}, but this loss is configured by {name}; '
                'None leaves it out'
            )
        if not name.startswith('loss_') or not name.isidentifier():
            raise ValueError(
                f'KMaXCriterion: losses.{name} must be called loss_*: by its name mmengine tells '
                'a loss from a figure to log'
            )
    losses = LossTerms()
    for name, cfg in {**own, **further}.items():
        if cfg is None:
            continue
        loss = MODELS.build(cfg)
        if not isinstance(loss, KMaXLoss):
            raise TypeError(
                f'KMaXCriterion: {name} builds a {type(loss).__name__}, which is no KMaXLoss: '
                'derive it from projects.kmax.models.losses.KMaXLoss'
            )
        losses[name] = loss
    return losses
