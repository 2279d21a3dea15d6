import pytest
from mmengine.hooks import CheckpointHook, EarlyStoppingHook

from projects.kmax.runtime import AtomicCheckpointHook

NAMES = [
    'coco_panoptic/PQ',
    'coco_panoptic/SQ_th',
    'pipeline_panoptic/RQ',
    'coco/segm_mAP',
    'cityscapes/AP@50',
    'semantic/mIoU',
]


@pytest.mark.parametrize('name', NAMES)
def test_qualities_rise(name):
    assert EarlyStoppingHook(monitor=name).rule == 'greater'
    for kind in (CheckpointHook, AtomicCheckpointHook):
        assert kind(save_best=name).rules == ['greater']


def test_losses_fall_and_others_need_a_rule():
    assert EarlyStoppingHook(monitor='overlap_loss').rule == 'less'
    with pytest.raises(ValueError, match='rule must be specified'):
        EarlyStoppingHook(monitor='square_error')
