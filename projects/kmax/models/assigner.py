"""One-to-one matching of queries and ground-truth masks."""

import numpy as np
import torch
from mmdet.models.task_modules.assigners import AssignResult, BaseAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def mask_dice(probs: Tensor, masks: Tensor, valid: Tensor) -> Tensor:
    """Dice ``(B, M, N)`` in [0, 1] of every mask ``(B, M, L)``, 0 or 1, with every query.

    ``dice(g, n) = sum(g P) / ((sum g + sum P) / 2 + 1e-5)`` over the ``valid`` pixels ``(B, L)``, 1
    or 0, with ``P = probs`` ``(B, N, L)`` the softmax over the queries (MaX-DeepLab, arXiv
    2012.00759, section 3.2).
    """
    overlap = torch.bmm(masks * valid[:, None], probs.transpose(1, 2))
    mass = torch.bmm(probs, valid[:, :, None]).transpose(1, 2)
    return overlap / ((masks.sum(-1, keepdim=True) + mass) / 2 + 1e-5)


@TASK_UTILS.register_module()
class KMaXHungarianAssigner(BaseAssigner):
    """Hungarian matching that maximises dice x class probability (MaX-DeepLab, section 3.2).

    Args:
        match_empty_masks: Whether a mask without pixels is matched as well, as the port does: its
            query then learns its class. The original drops such masks.
    """

    def __init__(self, match_empty_masks: bool = False) -> None:
        self.match_empty_masks = match_empty_masks

    def similarity(self, cls_probs: Tensor, dice: Tensor, labels: Tensor) -> Tensor:
        """Similarity of every ground-truth mask with every query.

        Args:
            cls_probs: ``(B, N, K + 1)`` class probabilities, void included.
            dice: ``(B, M, N)`` mask similarities.
            labels: ``(B, M)`` class of each mask.

        Returns:
            ``(B, M, N)`` products of mask similarity and probability of the mask's class.
        """
        index = labels[:, None, :].expand(-1, cls_probs.shape[1], -1)
        return dice * cls_probs.gather(2, index).transpose(1, 2)

    def match(self, similarity: Tensor, exists: Tensor, area: Tensor) -> Tensor:
        """Solve the assignment of each image on the host, after one synchronisation.

        Args:
            similarity: ``(B, M, N)`` similarities.
            exists: ``(B, M)`` bool, False for rows that stand for no mask.
            area: ``(B, M)`` number of pixels of each mask.

        Returns:
            ``(B, M)`` int64 query of each mask, ``N`` for a mask left without one.
        """
        wanted = exists if self.match_empty_masks else exists & (area > 0)
        costs = similarity.masked_fill(~wanted[:, :, None], -1).cpu().numpy()
        # A NaN must reach the loss, where it stops the run with its cause, not scipy.
        costs = np.nan_to_num(costs, nan=0.0)
        queries = np.full(costs.shape[:2], costs.shape[2], dtype=np.int64)
        for image, cost in enumerate(costs):
            rows = np.flatnonzero((cost >= 0).all(axis=1))
            matched, slots = linear_sum_assignment(cost[rows], maximize=True)
            queries[image, rows[matched]] = slots
        return torch.from_numpy(queries).to(similarity.device, non_blocking=True)

    @torch.no_grad()
    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs: object,
    ) -> AssignResult:
        """Match the queries of one image, with mmdet's calling convention.

        Args:
            pred_instances: ``scores`` ``(N, K + 1)`` class logits and ``masks`` ``(N, h, w)`` mask
                logits.
            gt_instances: ``labels`` ``(M,)`` and ``masks`` ``(M, h, w)``.
            gt_instances_ignore: Masks ``(I, h, w)`` whose pixels are void.
            kwargs: Not used; mmdet passes the image's metainfo.

        Returns:
            ``gt_inds`` ``(N,)`` holds 0 for unmatched queries, else 1 + the row of the mask.
        """
        probs = pred_instances.masks.flatten(1).softmax(0)[None]
        valid = torch.ones_like(probs[:, 0])
        if gt_instances_ignore is not None:
            valid[0, gt_instances_ignore.masks.flatten(1).bool().any(0)] = 0
        masks = gt_instances.masks.flatten(1).to(probs)[None]
        dice = mask_dice(probs, masks, valid)
        cls_probs = pred_instances.scores.softmax(-1)[None]
        similarity = self.similarity(cls_probs, dice, gt_instances.labels[None])
        area = masks.sum(-1)
        queries = self.match(similarity, torch.ones_like(area, dtype=torch.bool), area)[0]
        rows = torch.arange(len(queries), device=queries.device)
        matched = queries < len(cls_probs[0])
        gt_inds = queries.new_zeros(cls_probs.shape[1])
        labels = torch.full_like(gt_inds, -1)
        gt_inds[queries[matched]] = rows[matched] + 1
        labels[queries[matched]] = gt_instances.labels[matched]
        return AssignResult(len(rows), gt_inds, None, labels=labels)
