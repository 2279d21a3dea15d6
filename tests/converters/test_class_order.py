import json

import numpy as np
import pytest
from mmdet.datasets import ADE20KPanopticDataset
from mmseg.datasets import ADE20KDataset

from projects.kmax.converters.class_order import DATA_SETS, class_ids

SYNONYMS = [
    ('street lamp', 'streetlight'),
    ('tv', 'television receiver'),
    ('clothes', 'apparel'),
    ('trash can', 'ashcan'),
    ('falls', 'waterfall'),
]


@pytest.mark.parametrize('data_set', DATA_SETS, ids=lambda d: d.name)
def test_thing_ids_are_the_originals(data_set, oracle):
    recorded = json.loads(bytes(np.load(oracle('tf/tf_postprocess.npz'))['meta_json']))
    meta = recorded[f'{data_set.name.lower()}/default']
    assert list(data_set.things) == meta['thing_ids']
    # 255 is a label of Cityscapes' files, no channel.
    assert data_set.void == (None if meta['void'] == 255 else meta['void'])
    channels = sorted(data_set.semantic_order)
    assert channels == list(range(len(channels)))


def test_ade20k_has_the_classes_that_mmdet_expects():
    ids = class_ids(100, 50)
    names = [ADE20KDataset.METAINFO['classes'][i - 1] for i in (*ids.things, *ids.stuff)]
    ours = ADE20KPanopticDataset.METAINFO['classes']
    # Both shorten the official names in their own way.
    different = [
        (a, b)
        for a, b in zip(ours, names, strict=True)
        if b.strip().lower() not in a.lower() and a.split(',')[0].lower() not in b.lower()
    ]
    assert different == SYNONYMS


def test_unknown_data_sets_are_named():
    with pytest.raises(ValueError, match=r'3 thing and 8 stuff.*COCO \(80 \+ 53\), Cityscapes'):
        class_ids(3, 8)
