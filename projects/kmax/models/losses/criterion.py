"""All losses of kMaX-DeepLab on the final and the auxiliary predictions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ..assigner import mask_dice
from ..structures import KMaXOutput, KMaXPrediction, KMaXTargets
from .ground_truth import MIN_WEIGHT, MaskTargets, MatchedTargets
from .pixel_softmax import PixelSoftmax, pixel_softmax
from .sampling import gumbel_noise
from .statistics import pixel_accuracy, query_statistics

VOIDS = ('semantic', 'unmatched')
ALIGNMENTS = (True, 'odd_height')


@MODELS.register_module()
class KMaXCriterion(nn.Module):
    """Match queries with ground truth once, by the final prediction, and sum up every loss.

    kMaX-DeepLab, section 4.1: the auxiliary predictions share the matching, the sampling weights
    and the loss weights of the final one. Losses are computed in float32, or float64 if they come
    so, whatever autocast says. NaN stays NaN.

    Args:
        num_classes: Thing and stuff classes K; the class logits have K + 1 channels.
        assigner: Config of the assigner.
        loss_cls: Config of the class term of the PQ-style loss.
        loss_dice: Config of the mask term of the PQ-style loss.
        loss_mask: Config of the mask-id cross-entropy.
        loss_insdis: Config of the instance discrimination loss.
        loss_semantic: Config of the semantic loss; without effect where the head has no semantic
            decoder.
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
        self.num_classes = num_classes
        self.void = void
        self.split_overlaps = split_overlaps
        self.share_matching = share_matching
        self.align_corners = align_corners
        self.min_weight = min_weight
        self.assigner = TASK_UTILS.build({'type': 'KMaXHungarianAssigner', **(assigner or {})})
        self.loss_cls = MODELS.build({'type': 'PQStyleClassLoss', **(loss_cls or {})})
        self.loss_dice = MODELS.build({'type': 'PQStyleDiceLoss', **(loss_dice or {})})
        self.loss_mask = MODELS.build({'type': 'MaskIDLoss', **(loss_mask or {})})
        self.loss_insdis = MODELS.build(
            {'type': 'InstanceDiscriminationLoss', **(loss_insdis or {})}
        )
        self.loss_semantic = MODELS.build({'type': 'AuxSemanticLoss', **(loss_semantic or {})})

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
                auxiliary ones, semantic (where it samples); drawn here by default.
            with_statistics: Whether to add figures for the log: those of
                :func:`query_statistics`, and :func:`pixel_accuracy` of every prediction.

        Returns:
            ``loss_cls``, ``loss_dice``, ``loss_mask``, ``loss_insdis``, ``loss_semantic`` (with
            semantic logits only), and the first four for each auxiliary prediction ``d0.*``, ...

        Raises:
            ValueError: The class logits do not have K + 1 channels, the noise has not one entry per
                sampling, or targets are coarser than the logits.
        """
        if output.cls_logits.shape[-1] != self.num_classes + 1:
            raise ValueError(
                f'cls_logits have {output.cls_logits.shape[-1]} channels, expected '
                f'{self.num_classes + 1}: {self.num_classes} classes and void'
            )
        samples_semantic = output.semantic_logits is not None and self.loss_semantic.num_samples > 0
        samplings = 1 + len(output.aux) + samples_semantic
        if noise is not None and len(noise) != samplings:
            raise ValueError(
                f'noise has {len(noise)} entries, expected {samplings}: one per prediction, and '
                'one for the semantic loss where it samples'
            )
        with torch.autocast(output.mask_logits.device.type, enabled=False):
            return self._losses(output, targets, noise, with_statistics)

    def _losses(
        self,
        output: KMaXOutput,
        targets: Sequence[KMaXTargets],
        noise: Sequence[Tensor] | None,
        with_statistics: bool,
    ) -> dict[str, Tensor]:
        height, width = output.mask_logits.shape[-2:]
        size = height, width
        dtype = _full_precision(output.mask_logits).dtype
        truth = MaskTargets.collate(targets, size, dtype, self.void)
        levels = [output, *output.aux]
        if noise is None:
            draws = gumbel_noise((len(levels), *truth.void.shape), truth.area)
        else:
            draws = torch.stack(list(noise[: len(levels)]))
        terms: dict[str, Tensor] = {}
        for index, (level, draw) in enumerate(zip(levels, draws, strict=True)):
            mask_logits = self._resized_masks(level, size)
            if index == 0 or not self.share_matching:
                cls_logits = _full_precision(level.cls_logits).detach()
                matched = self.match(cls_logits, mask_logits.detach(), truth)
                masks = truth if self.void == 'semantic' else truth.keep_matched(matched)
            inside = masks.inside if self.loss_dice.mask_void else torch.ones_like(masks.inside)
            softmax = pixel_softmax(mask_logits, matched, inside.to(mask_logits))
            found = self._level_losses(level, softmax, draw, size, masks, matched)
            if index == 0 and output.semantic_logits is not None:
                found['loss_semantic'] = self.loss_semantic(
                    _full_precision(output.semantic_logits),
                    targets,
                    masks.pixel_area.unflatten(1, size),
                    masks.void.unflatten(1, size),
                    noise[-1] if noise is not None and len(noise) > len(levels) else None,
                )
            if with_statistics:
                found['pixel_accuracy'] = pixel_accuracy(softmax, matched, masks)
                if index == 0:
                    found.update(query_statistics(level.cls_logits, matched))
            prefix = f'd{index - 1}.' if index else ''
            terms.update({prefix + name: value for name, value in found.items()})
        return terms

    @torch.no_grad()
    def match(self, cls_logits: Tensor, mask_logits: Tensor, masks: MaskTargets) -> MatchedTargets:
        """Match the queries of a prediction with the masks.

        Args:
            cls_logits: ``(B, N, K + 1)``.
            mask_logits: ``(B, N, L)``.
            masks: Ground truth of the batch.
        """
        cls_probs = cls_logits.softmax(-1)
        probs = mask_logits.softmax(1)
        valid = (~masks.void).to(probs)
        dice = mask_dice(probs, masks.masks, valid)
        similarity = self.assigner.similarity(cls_probs, dice, masks.labels)
        exists = masks.exists if self.assigner.match_empty_masks else masks.area > 0
        queries = self.assigner.match(similarity, exists)
        mass = probs.sum(-1)
        void_mass = torch.bmm(probs, 1 - valid[:, :, None])[:, :, 0]
        void_share = void_mass / (mass + 1e-5)
        matched = MatchedTargets.gather(
            masks, queries, cls_probs, dice, void_share, self.min_weight
        )
        if self.split_overlaps and masks.overlap():
            return matched.split_overlaps(masks, queries)
        return matched

    def _level_losses(
        self,
        level: KMaXPrediction,
        softmax: PixelSoftmax,
        draw: Tensor,
        size: tuple[int, int],
        masks: MaskTargets,
        matched: MatchedTargets,
    ) -> dict[str, Tensor]:
        return dict(
            loss_cls=self.loss_cls(_full_precision(level.cls_logits), matched),
            loss_dice=self.loss_dice(softmax, matched),
            loss_mask=self.loss_mask(softmax, matched, masks),
            loss_insdis=self.loss_insdis(
                _full_precision(level.pixel_feature),
                self.loss_insdis.sample(masks, draw),
                size,
                masks,
                matched,
                self._aligns_corners(level),
            ),
        )

    def _resized_masks(self, level: KMaXPrediction, size: tuple[int, int]) -> Tensor:
        """Mask logits ``(B, N, L)`` at the resolution of the final prediction."""
        mask_logits = _full_precision(level.mask_logits)
        if mask_logits.shape[-2:] != size:
            mask_logits = F.interpolate(
                mask_logits, size, mode='bilinear', align_corners=self._aligns_corners(level)
            )
        return mask_logits.flatten(2)

    def _aligns_corners(self, level: KMaXPrediction) -> bool:
        return self.align_corners is True or level.mask_logits.shape[-2] % 2 == 1


def _full_precision(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
