"""The colour augmentation against the images and the policies the original recorded."""

import json

import numpy as np
import pytest

from projects.kmax.datasets import KMaXAutoAugment
from projects.kmax.datasets.transforms.auto_augment import apply_operations
from projects.kmax.datasets.transforms.color_operations import blend

FACTORS = {
    'sharpness': (0.136, 0.28, 0.352, 0.424, 1.36, 1.72),
    'brightness': (0.46, 1.9),
    'contrast': (0.46, 1.9),
    'color': (0.424, 1.72),
    'solarize': (35, 179),
}
OPERATIONS = [(name, value) for name, values in FACTORS.items() for value in values]


def _recorded_name(operation):
    name, *arguments = operation
    return f'{name.capitalize()}({", ".join(map(str, arguments))})'


def _difference(recorded, operation, size):
    image = recorded[f'aa/image_{size}'][..., ::-1]  # ours are BGR
    result = apply_operations(np.ascontiguousarray(image), [operation])[..., ::-1]
    assert result.dtype == np.uint8
    expected = recorded[f'aa/{size}/{_recorded_name(operation)}']
    step = 4 if size == 'big' else 1
    return np.abs(result[::step, ::step].astype(int) - expected)


@pytest.mark.parametrize('size', ['small', 'big'])
@pytest.mark.parametrize('operation', [*OPERATIONS, ('equalize',)], ids=_recorded_name)
def test_operation_equals_the_original(operation, size, recorded):
    difference = _difference(recorded, operation, size)
    if operation[0] == 'sharpness':
        # Sums of nine float32 products, rounded down: the order of the sum shows.
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-4
    else:
        assert difference.max() == 0


def test_every_recorded_operation_is_compared(recorded):
    names = {name.split('/')[2] for name in recorded if name.startswith(('aa/small/', 'aa/big/'))}
    assert names == {_recorded_name(operation) for operation in [*OPERATIONS, ('equalize',)]}


@pytest.mark.parametrize('scale', [1.0, 0.2])
def test_policy_equals_the_original(scale, recorded):
    suffix = '' if scale == 1 else f'_magnitude_scale_{scale}'
    meta = json.loads(bytes(recorded['meta_json']))
    policy = KMaXAutoAugment(magnitude_scale=scale).policy
    expected = meta[f'policy/simple_classification_policy{suffix}']
    assert len(policy) == len(expected)
    for pair, expected_pair in zip(policy, expected, strict=True):
        for operation, (name, probability, _, arguments) in zip(pair, expected_pair, strict=True):
            assert operation[:2] == (name.lower(), probability)
            assert list(operation[2:]) == pytest.approx(arguments, abs=1e-12)


@pytest.mark.parametrize('factor', [*FACTORS['sharpness'], *FACTORS['color']])
def test_blend_rounds_every_pair_of_levels_down(factor):
    base, level = np.mgrid[:256, :256].astype(np.float32)
    exact = base + np.float32(factor) * (level - base)
    result = blend(base.astype(np.uint8), level.astype(np.uint8), factor)
    np.testing.assert_array_equal(result, np.clip(exact, 0, 255).astype(np.uint8))


def test_operations_are_drawn_as_often_as_the_policy_says():
    np.random.seed(0)
    transform = KMaXAutoAugment()
    draws = [transform._draw_operations() for _ in range(5000)]
    expected = {
        ('sharpness', 1.36): 0.4,
        ('brightness', 1.9): 0.2,
        ('contrast', 1.9): 0.2,
        ('sharpness', 1.72): 0.2,
        ('color', 1.72): 0.2,
        ('solarize', 179): 0.2,
        ('equalize',): 0.6 + 0.2,
        ('sharpness', 0.28): 0.2,
    }
    drawn = [(name, *(round(value, 9) for value in rest)) for ops in draws for name, *rest in ops]
    assert set(drawn) == set(expected)
    for operation, probability in expected.items():
        assert drawn.count(operation) / 5000 == pytest.approx(probability / 5, abs=0.016)
    both = sum(len(operations) == 2 for operations in draws) / 5000
    assert both == pytest.approx((0.4 * 0.2 + 0.2 * 0.2 + 0.2 * 0.6 + 0.2 * 0.2) / 5, abs=0.016)


def test_second_operation_works_on_the_result_of_the_first():
    image = np.array([[[100] * 3, [200] * 3]], np.uint8)
    result = apply_operations(image, [('solarize', 179), ('brightness', 1.9)])
    assert result[0, :, 0].tolist() == [190, int(1.9 * 55)]


def test_image_is_rounded_down_and_ids_stay(monkeypatch):
    transform = KMaXAutoAugment()
    monkeypatch.setattr(transform, '_draw_operations', lambda: [])
    ids = np.ones((4, 5), np.int16)
    sample = {'img': np.full((4, 5, 3), 254.99, np.float32), 'gt_seg_map': ids}
    result = transform(sample)
    assert result['img'].dtype == np.uint8 and (result['img'] == 254).all()
    assert result['gt_seg_map'] is ids and (ids == 1).all()


def test_equal_seeds_give_equal_images():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    results = []
    for _ in range(2):
        np.random.seed(4)
        transform = KMaXAutoAugment()
        results.append([transform({'img': image.copy()})['img'] for _ in range(10)])
    np.testing.assert_array_equal(*results)
    assert any((result != image).any() for result in results[0])


@pytest.mark.parametrize('shape', [(1, 1, 3), (2, 5, 3)])
@pytest.mark.parametrize('operation', [*OPERATIONS, ('equalize',)], ids=_recorded_name)
def test_operations_take_the_smallest_images(shape, operation):
    assert apply_operations(np.full(shape, 7, np.uint8), [operation]).shape == shape
