"""All losses of kMaX-DeepLab on the final and the auxiliary predictions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ..assigner import mask_dice
from ..structures import KMaXOutput, KMaXPrediction, KMaXTargets
from .ground_truth import MaskTargets, MatchedTargets
from .pixel_softmax import pixel_softmax
from .sampling import gumbel_noise


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
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
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
    ) -> dict[str, Tensor]:
        """Return every loss term, averaged over the batch.

        Args:
            output: Predictions of a batch, the masks' logits ``(B, N, h, w)``.
            targets: Ground truth of each image, at that or a multiple of that resolution.
            noise: Gumbel draws ``(B, h * w)`` of every sampling, in the order final prediction,
                auxiliary ones, semantic (where it samples); drawn here by default.

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
            return self._losses(output, targets, noise)

    def _losses(
        self,
        output: KMaXOutput,
        targets: Sequence[KMaXTargets],
        noise: Sequence[Tensor] | None,
    ) -> dict[str, Tensor]:
        height, width = output.mask_logits.shape[-2:]
        size = height, width
        final_logits = _full_precision(output.mask_logits).detach().flatten(2)
        masks = MaskTargets.collate(targets, size, final_logits.dtype)
        matched = self.match(_full_precision(output.cls_logits), final_logits, masks)
        levels = [output, *output.aux]
        if noise is None:
            draws = gumbel_noise((len(levels), *masks.void.shape), masks.area)
        else:
            draws = torch.stack(list(noise[: len(levels)]))
        losses: dict[str, Tensor] = {}
        for index, (level, pixels) in enumerate(
            zip(levels, self.loss_insdis.sample(masks, draws), strict=True)
        ):
            prefix = f'd{index - 1}.' if index else ''
            for name, loss in self._level_losses(level, pixels, size, masks, matched).items():
                losses[prefix + name] = loss
        if output.semantic_logits is not None:
            losses['loss_semantic'] = self.loss_semantic(
                _full_precision(output.semantic_logits),
                targets,
                masks.pixel_area.unflatten(1, size),
                noise[len(levels)] if noise is not None and len(noise) > len(levels) else None,
            )
        return losses

    @torch.no_grad()
    def match(self, cls_logits: Tensor, mask_logits: Tensor, masks: MaskTargets) -> MatchedTargets:
        """Match the queries of the final prediction with the masks.

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
        queries = self.assigner.match(similarity, masks.area > 0)
        mass = probs.sum(-1)
        void_mass = torch.bmm(probs, 1 - valid[:, :, None])[:, :, 0]
        return MatchedTargets.gather(masks, queries, cls_probs, dice, void_mass / (mass + 1e-5))

    def _level_losses(
        self,
        level: KMaXPrediction,
        pixels: Tensor,
        size: tuple[int, int],
        masks: MaskTargets,
        matched: MatchedTargets,
    ) -> dict[str, Tensor]:
        mask_logits = _full_precision(level.mask_logits)
        if mask_logits.shape[-2:] != size:
            mask_logits = F.interpolate(mask_logits, size, mode='bilinear', align_corners=True)
        mask_logits = mask_logits.flatten(2)
        softmax = pixel_softmax(mask_logits, matched.query, masks.inside.to(mask_logits))
        feature = _full_precision(level.pixel_feature)
        return dict(
            loss_cls=self.loss_cls(_full_precision(level.cls_logits), matched),
            loss_dice=self.loss_dice(softmax, matched),
            loss_mask=self.loss_mask(softmax, matched, masks.void),
            loss_insdis=self.loss_insdis(feature, pixels, size, masks),
        )


def _full_precision(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
