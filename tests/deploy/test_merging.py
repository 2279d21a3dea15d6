"""The merge of a graph decides as post-processing does, on logits that overlap and tie."""

import numpy as np
import pytest
import torch

from kmax_deeplab.result import Classes, PanopticResult
from projects.kmax.deploy.merging import after
from projects.kmax.deploy.rules import RULES, refuse_rules
from projects.kmax.models import postprocess
from projects.kmax.models.postprocess import Frame, ImagePrediction, PostprocessConfig

QUERIES, THINGS, CLASSES = 12, 3, 5
SIZES = [(65, 97), (64, 96)]
"""Padded inputs of both forms: the port aligns corners in the first alone."""

CONTENTS = [(64, 96), (50, 80), (33, 96), (64, 40), (20, 31)]
THRESHOLDS = dict(
    class_threshold_thing=0.3,
    class_threshold_stuff=0.25,
    class_threshold=0.3,
    overlap_threshold=0.6,
    thing_area_limit=250,
    stuff_area_limit=700,
)


def logits_of(seed):
    """Return logits whose masks overlap in pairs, of which two are the same and tie."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.randn((QUERIES, 5, 7), generator=generator) * 5
    masks = torch.nn.functional.interpolate(masks[None], (17, 25), mode='bilinear')[0]
    masks[1] = masks[0] + 0.1 * torch.randn(masks[0].shape, generator=generator)
    masks[3] = masks[2] - 0.2
    masks[5] = masks[4]
    classes = torch.randn((QUERIES, CLASSES + 1), generator=generator) * 3
    classes[5] = classes[4]
    return classes, masks


def merged(cfg, classes, masks, size, content, fills=False):
    merge = RULES[cfg.postprocess](cfg, THINGS, CLASSES, tuple(masks.shape), size, fills)
    return merge(classes, masks, torch.tensor(content))


def expected(cfg, classes, masks, size, content):
    image = ImagePrediction(classes, masks, Frame(size, content, content), cfg, THINGS)
    return postprocess.RULES[cfg.postprocess](image)['pan_results']


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('rules', RULES)
def test_maps_are_those_of_post_processing(rules, size):
    cfg = PostprocessConfig(postprocess=rules, pixel_confidence_threshold=0.36, **THRESHOLDS)
    segments = 0
    for seed, content in enumerate([*CONTENTS, size]):
        classes, masks = logits_of(seed)
        found = merged(cfg, classes, masks, size, content).panoptic
        height, width = content
        inside = expected(cfg, classes, masks, size, content).sem_seg[0]
        assert found[:height, :width].equal(inside)
        assert (found[height:] == CLASSES).all() and (found[:, width:] == CLASSES).all()
        segments += len(inside.unique())
    assert segments > 20


@pytest.mark.parametrize('rules', RULES)
def test_rows_describe_the_segments_of_the_result(rules):
    """Stuff of two queries is one segment: its rows share a value and a score."""
    cfg = PostprocessConfig(postprocess=rules, pixel_confidence_threshold=0.36, **THRESHOLDS)
    names = Classes([str(label) for label in range(CLASSES)], THINGS)
    shared = 0
    for seed in range(6):
        size, content = (65, 97), CONTENTS[seed % len(CONTENTS)]
        classes, masks = logits_of(seed)
        _, ids, labels, scores, areas = merged(cfg, classes, masks, size, content)
        maps = expected(cfg, classes, masks, size, content)
        panoptic = maps.sem_seg[0].numpy()
        pixel_scores = [maps.instance_scores[0].numpy(), maps.semantic_scores[0].numpy()]
        result = PanopticResult.from_panoptic(panoptic, names, pixel_scores)
        values = [value for value in np.unique(panoptic).tolist() if value != CLASSES]
        assert sorted(set(ids[ids >= 0].tolist())) == values
        for value, segment in zip(values, result.segments_info, strict=True):
            rows = ids == value
            shared += int(rows.sum()) > 1
            assert areas[rows].sum() == segment['area']
            assert set(labels[rows].tolist()) == {segment['label_id']}
            np.testing.assert_allclose(scores[rows], segment['score'], rtol=1e-5)
        assert (areas[ids < 0] == 0).all() and (scores[ids < 0] == 0).all()
        assert (ids[ids < 0] == -1).all() and (areas[ids >= 0] > 0).all()
    assert shared


@pytest.mark.parametrize('size', [(65, 65), (96, 96)])
def test_images_that_fill_the_longer_side_need_fewer_products(size):
    cfg = PostprocessConfig(postprocess='port', **THRESHOLDS)
    classes, masks = logits_of(0)
    for content in (size, (size[0], 40), (31, size[1])):
        found = merged(cfg, classes, masks, size, content, fills=True).panoptic
        height, width = content
        inside = expected(cfg, classes, masks, size, content).sem_seg[0]
        assert found[:height, :width].equal(inside)


def test_masks_that_block_each_other_in_a_chain_are_decided_in_turn():
    """Each half of a mask is the next one's: every second is pasted, however long the chain is."""
    cfg = PostprocessConfig(overlap_threshold=0.8)
    merge = RULES['deeplab2'](cfg, THINGS, CLASSES, (QUERIES, 5, 5), (65, 65))
    claims = torch.zeros(QUERIES, QUERIES)
    for query in range(QUERIES - 1):
        claims[query, query + 1] = claims[query + 1, query] = 10
    order = after(torch.arange(QUERIES, 0, -1.0))
    pasted, areas = merge.paste(claims, order, torch.ones(QUERIES, dtype=torch.bool))
    assert pasted.tolist() == [True, False] * (QUERIES // 2)
    assert areas[pasted].tolist() == [10] + [20] * (QUERIES // 2 - 1)


def test_of_equal_scores_the_first_query_comes_first():
    order = after(torch.tensor([0.5, 0.9, 0.5, 0.9]))
    assert order.sum(1).tolist() == [2, 0, 3, 1]


def test_rules_that_more_than_two_masks_may_break_are_refused():
    with pytest.raises(ValueError, match='pixel_confidence_threshold is 0.33.*--output logits'):
        refuse_rules(PostprocessConfig(pixel_confidence_threshold=0.33))
    refuse_rules(PostprocessConfig(pixel_confidence_threshold=0.34))
    refuse_rules(PostprocessConfig(pixel_confidence_threshold=0, postprocess='pixelwise'))
