"""From id maps to masks."""

import pytest
import torch
from helpers import panoptic_sample
from mmengine.structures import InstanceData

from projects.kmax.models.targets import build_targets


@pytest.fixture
def image():
    """Void, three things and two segments of one stuff class, in columns of 4 pixels."""
    ids = torch.arange(6).repeat_interleave(4).expand(1, 9, -1)
    return panoptic_sample(ids, [3, 0, 1, 3, 1])


def test_things_come_first_and_stuff_is_merged(image):
    (targets,) = build_targets([image], num_things_classes=2)
    assert targets.labels.tolist() == [0, 1, 1, 3]
    assert targets.is_thing.tolist() == [True, True, True, False]
    assert targets.masks.shape == (4, 3, 6) and targets.masks.dtype == torch.bool
    columns = [mask[0].nonzero()[:, 0].tolist() for mask in targets.masks]
    assert columns == [[2], [3], [5], [1, 4]]
    assert targets.semantic[0, 1:].tolist() == [3, 0, 1, 3, 1]
    assert targets.void[:, 0].all() and not targets.void[:, 1:].any()
    assert (targets.weight == 1).all()


def test_things_beyond_the_limit_stay_labelled_without_mask(image):
    (targets,) = build_targets([image], num_things_classes=2, max_things=1)
    assert targets.labels.tolist() == [0, 3]
    assert not targets.masks[:, :, [3, 5]].any()
    assert not targets.void[:, [3, 5]].any()
    assert (targets.semantic[:, [3, 5]] == 1).all()


def test_without_a_limit_every_thing_has_a_mask(image):
    image.gt_segments = InstanceData(labels=torch.zeros(200, dtype=torch.int64))
    (targets,) = build_targets([image], num_things_classes=2, max_things=None)
    assert targets.labels.tolist() == [0] * 200
    (targets,) = build_targets([image], num_things_classes=2)
    assert targets.labels.tolist() == [0] * 128


def test_small_things_weigh_more_by_their_area_in_the_input(image):
    image.gt_panoptic_seg.ids[0, 1:, 8:12] = 0
    small = dict(small_instance_area=5, small_instance_weight=3.0)
    (targets,) = build_targets([image], num_things_classes=2, **small)
    assert targets.weight[0].tolist() == [1, 1, 3, 1, 1, 1]
    assert (targets.weight[1:] == 1).all()


def test_what_the_batch_adds_is_void(image):
    image.set_metainfo(dict(batch_input_shape=(17, 33)))
    (targets,) = build_targets([image], num_things_classes=2)
    assert targets.masks.shape == (4, 5, 9)
    assert targets.void[3:].all() and targets.void[:, 6:].all()
    assert not targets.masks[:, 3:].any() and not targets.masks[:, :, 6:].any()
    assert not targets.void[:3, 1:6].any()


def test_small_means_less_than_the_area():
    """Cityscapes' 4096 pixels, as 64x64 of a thing, one less of another and less of stuff."""
    ids = torch.zeros(65, 193)
    ids[:64, :64], ids[:64, 64:128], ids[:4, 128:132] = 1, 2, 3
    ids[63, 127] = 0
    cityscapes = dict(small_instance_area=4096, small_instance_weight=3.0)
    sample = panoptic_sample(ids[None], [0, 1, 2])
    (targets,) = build_targets([sample], num_things_classes=2, **cityscapes)
    for row, weight in enumerate((1, 3, 1), start=1):
        assert (targets.weight[ids[::4, ::4] == row] == weight).all()
    assert (targets.weight[targets.void] == 1).all()


def test_masks_partition_what_is_not_void():
    ids = torch.randint(0, 8, (1, 65, 97))
    batch = [panoptic_sample(ids, [0, 1, 2, 2, 4, 3, 0]), panoptic_sample(ids * 0, [])]
    for targets in build_targets(batch, num_things_classes=2, stride=2):
        assert targets.masks.shape[1:] == (33, 49)
        torch.testing.assert_close(targets.masks.sum(0), (~targets.void).long())
        for label, mask in zip(targets.labels, targets.masks, strict=True):
            assert (targets.semantic[mask] == label).all()
