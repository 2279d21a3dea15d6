"""Class layers between data sets."""

import pytest
import torch
from mmdet.datasets import ADE20KPanopticDataset
from mmseg.datasets import ADE20KDataset

from projects.kmax.engine.class_rows import match_names, move_class_rows


def test_both_names_of_every_class_of_ade20k_are_matched():
    old, new = (data.METAINFO['classes'] for data in (ADE20KPanopticDataset, ADE20KDataset))
    rows = match_names(old, new)
    assert sorted(rows) == list(range(150)) != rows
    pairs = {new[i].strip(): old[row] for i, row in enumerate(rows)}
    assert pairs['bed'] == 'bed' and pairs['windowpane'] == 'window'
    assert pairs['pool table'] == 'pool table, billiard table, snooker table'


@pytest.mark.parametrize(
    ('old', 'new', 'rows'),
    [
        (('car', 'Sky '), ('sky', 'tree', 'car'), [1, None, 0]),
        # Taken whole where the first names are not unique.
        (('bag, red', 'bag, blue'), ('bag, blue', 'bag'), [1, None]),
    ],
)
def test_names(old, new, rows):
    assert match_names(old, new) == rows


@pytest.mark.parametrize(('old_void', 'new_void'), [(1, 1), (0, 0), (1, 0), (0, 1)])
def test_rows_follow_their_names_and_void_stays_last(old_void, new_void):
    name = 'panoptic_head.semantic_decoder.head.final.weight'
    old = torch.arange(2.0 + old_void)[:, None, None, None]
    own = torch.full((3 + new_void, 1, 1, 1), -1.0)
    weights = {name: old, 'other.weight': old}
    move_class_rows(weights, {name: own, 'other.weight': own}, [1, None, 0], 2)
    last = [2.0 if old_void else -1.0] * new_void
    assert weights[name].flatten().tolist() == [1, -1, 0, *last]
    assert weights['other.weight'] is old and own.eq(-1).all()


def test_every_predictor_has_class_layers():
    name = 'module.panoptic_head.transformer_decoder.layers.0.predictor.class_head.bias'
    weights = {name: torch.tensor([1.0, 2.0, 9.0])}
    move_class_rows(weights, {name.removeprefix('module.'): torch.zeros(3)}, [1, 0], 2)
    assert weights[name].tolist() == [2, 1, 9]
