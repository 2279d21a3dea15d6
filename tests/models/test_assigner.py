"""Matching of queries and ground-truth masks."""

from itertools import permutations

import numpy as np
import torch
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

from projects.kmax.models.assigner import KMaXHungarianAssigner, mask_dice


def test_dice_and_similarity_follow_the_definition():
    probs = torch.randn(1, 4, 10).softmax(1)
    masks = torch.zeros(1, 2, 10)
    masks[0, 0, :3] = masks[0, 1, 3:8] = 1
    valid = torch.ones(1, 10)
    valid[0, 9] = 0
    dice = mask_dice(probs, masks, valid)
    cls_probs = torch.randn(1, 4, 6).softmax(-1)
    labels = torch.tensor([[2, 4]])
    similarity = KMaXHungarianAssigner().similarity(cls_probs, dice, labels)
    for row, mask in enumerate(masks[0]):
        for query, prob in enumerate(probs[0]):
            mean_area = (mask.sum() + prob[:9].sum()) / 2 + 1e-5
            expected = (mask * prob).sum() / mean_area
            torch.testing.assert_close(dice[0, row, query], expected)
            expected = expected * cls_probs[0, query, labels[0, row]]
            torch.testing.assert_close(similarity[0, row, query], expected)


def test_match_is_the_best_of_all_assignments():
    similarity = torch.rand(5, 3, 4)
    queries = KMaXHungarianAssigner().match(similarity, torch.ones(5, 3).bool(), torch.ones(5, 3))
    for image, scores in zip(queries, similarity, strict=True):
        found = scores[torch.arange(3), image].sum()
        orders = permutations(range(4), 3)
        best = max(scores[torch.arange(3), list(order)].sum() for order in orders)
        torch.testing.assert_close(found, best)


def test_rows_that_do_not_exist_get_no_query():
    similarity = torch.rand(2, 3, 4)
    exists = torch.tensor([[True, False, True], [False, False, False]])
    queries = KMaXHungarianAssigner().match(similarity, exists, torch.ones(2, 3))
    np.testing.assert_array_equal((queries < 4).numpy(), exists.numpy())


def test_more_masks_than_queries_leaves_the_worst_out():
    similarity = torch.tensor([[[0.1, 0.2], [0.9, 0.3], [0.8, 0.7]]])
    queries = KMaXHungarianAssigner().match(similarity, torch.ones(1, 3).bool(), torch.ones(1, 3))
    assert queries.tolist() == [[2, 0, 1]]


def test_nan_does_not_reach_scipy():
    similarity = torch.full((1, 2, 3), float('nan'))
    queries = KMaXHungarianAssigner().match(similarity, torch.ones(1, 2).bool(), torch.ones(1, 2))
    assert len(set(queries[0].tolist())) == 2


def test_assign_follows_the_convention_of_mmdet():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2] = masks[1, 2:] = True
    logits = torch.stack([masks[1], masks[0], masks[0] & False]).float() * 10
    predictions = InstanceData(scores=torch.zeros(3, 5), masks=logits)
    truth = InstanceData(labels=torch.tensor([3, 1]), masks=masks)
    assigner = TASK_UTILS.build(dict(type='KMaXHungarianAssigner'))
    result = assigner.assign(predictions, truth, img_meta={})
    assert result.num_gts == 2
    assert result.gt_inds.tolist() == [2, 1, 0]
    assert result.labels.tolist() == [1, 3, -1]
    ignored = InstanceData(masks=masks[:1])
    assert assigner.assign(predictions, truth, ignored).gt_inds[0] == 2
