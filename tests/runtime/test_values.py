from numbers import Number

import pytest
import torch
from mmdet.registry import TRANSFORMS
from mmengine.hooks import CheckpointHook, LoggerHook
from torch import nn

from projects.kmax.engine import KMaXAdamW, WarmupPolyLR
from projects.kmax.models.fusion_head import KMaXFusionHead
from projects.kmax.models.postprocess import PostprocessConfig
from projects.kmax.models.transformer_decoder import KMaXTransformerDecoder
from projects.kmax.runtime.setting_values import check_values, fits
from projects.kmax.runtime.train_loop import ResumableTrainLoop
from projects.kmax.runtime.values import check_number, check_range, check_size

NAN = float('nan')


@pytest.mark.parametrize('value', ['x', None, True, NAN, float('inf'), -0.1, 1.1, [1], 1 + 0j])
def test_no_number_in_the_range(value):
    with pytest.raises(ValueError, match=r'^a.b is .*, but must be a number from 0 to 1$'):
        check_number('a.b', value, 0, 1)


def test_numbers_in_their_range_pass():
    check_number('a', 0, 0, 1)
    check_number('a', -3.5)
    check_number('a', torch.iinfo(torch.int16).max, 1, whole=True)
    check_size('a', [1, 2])
    check_range('a', (0.3, 1.7))


@pytest.mark.parametrize('size', [(0, 5), (5,), 5, '55', (5, -1), (5, 1.5), None])
def test_no_size(size):
    with pytest.raises(ValueError, match='a.b is'):
        check_size('a.b', size)


@pytest.mark.parametrize('ends', [(2, 1), (0, 1), (-1, 1), (NAN, 1), 3, ('a', 'b')])
def test_no_range(ends):
    with pytest.raises(ValueError, match='a.b is'):
        check_range('a.b', ends)


def optimizer(**settings):
    return KMaXAdamW(nn.Linear(1, 1).parameters(), **{'lr': 1, **settings})


def transform(kind, **settings):
    return TRANSFORMS.build(dict(type=kind, **settings))


@pytest.mark.parametrize(
    ('setting', 'read'),
    [
        ('overlap_threshold', lambda: PostprocessConfig.from_test_cfg(dict(overlap_threshold=7))),
        ('class_threshold', lambda: PostprocessConfig.from_test_cfg(dict(class_threshold='x'))),
        ('thing_area_limit', lambda: PostprocessConfig.from_test_cfg(dict(thing_area_limit=-1))),
        ('max_per_image', lambda: PostprocessConfig.from_test_cfg(dict(max_per_image=0))),
        (
            'num_queries',
            lambda: KMaXTransformerDecoder(pixel_channels=[8, 8, 8], num_classes=2, num_queries=0),
        ),
        ('num_things_classes', lambda: KMaXFusionHead(-1, 3)),
        ('1000 classes', lambda: KMaXFusionHead(500, 500)),
        ('0 classes', lambda: KMaXFusionHead(0, 0)),
        ('lr', lambda: optimizer(lr=-1)),
        ('weight_decay', lambda: optimizer(weight_decay='x')),
        ('betas', lambda: optimizer(betas=(2, 0.9))),
        ('warmup', lambda: WarmupPolyLR(optimizer(), warmup=-1, end=4, by_epoch=False)),
        ('crop_size', lambda: transform('KMaXResize', crop_size=(0, 0))),
        ('crop_size', lambda: transform('KMaXRandomPadCrop', crop_size=(-5, 5))),
        ('scale_range', lambda: transform('KMaXRandomScale', scale_range=(-1, 1), num_scales=2)),
        ('max_iters', lambda: ResumableTrainLoop(None, {}, max_iters=-3)),
        ('val_interval', lambda: ResumableTrainLoop(None, {}, max_iters=3, val_interval=0)),
        (
            'train_dataloader.batch_size',
            lambda: check_values('train_dataloader', dict(batch_size=0), ()),
        ),
    ],
)
def test_impossible_values_are_refused_by_name(setting, read):
    with pytest.raises(ValueError, match=setting):
        read()


def test_as_many_classes_as_fit_pass():
    KMaXFusionHead(0, 999)


@pytest.mark.parametrize(
    ('value', 'wanted'),
    [
        ('x', int),
        ('x', int | None),
        ('x', dict),
        (True, float),
        (1.5, int),
        (2, bool),
        (NAN, float),
        (NAN, float | None),
        ([1], int),
        (3, str),
        (3, list[int]),
        ('x', Number),
    ],
)
def test_values_that_no_annotation_means(value, wanted):
    assert not fits(value, wanted)


@pytest.mark.parametrize(
    ('value', 'wanted'),
    [
        (None, int),
        (1e5, int),
        (1, float),
        (0, bool),
        (0, Number),
        ([1], dict),
        (dict(type='X'), torch.nn.Module),
        ('fp16', torch.dtype),
        ('a', list[str]),
        (float('inf'), float),
        (5, 'not read'),
    ],
)
def test_values_that_may_be_meant_pass(value, wanted):
    assert fits(value, wanted)


def test_values_of_mmengines_classes():
    with pytest.raises(ValueError, match=r'^h.interval is 0, but must be a whole number, at'):
        check_values('h', dict(interval=0), [LoggerHook])
    with pytest.raises(ValueError, match=r"^h.by_epoch is 'no', but must be True or False$"):
        check_values('h', dict(by_epoch='no'), [CheckpointHook])
    check_values('h', dict(interval=-1, max_keep_ckpts=3, out_dir='x'), [CheckpointHook])
