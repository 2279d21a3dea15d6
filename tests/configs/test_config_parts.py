"""What configs have in common is built from the numbers in which they differ."""

import pytest
from mmengine.config import ConfigDict

from kmax_deeplab import config_parts as parts


def find(steps, key):
    return [step[key] for step in steps if key in step]


@pytest.mark.parametrize('build', [parts.original_train, parts.port_train])
def test_images_pasted_from_have_half_of_the_scales(build):
    pipeline = build((65, 97), scale_range=(0.3, 1.7))
    (paste,) = find(pipeline, 'source_pipeline')
    assert find(pipeline, 'scale_range') == [(0.3, 1.7)]
    assert find(paste, 'scale_range') == [(0.15, 0.85)]
    assert [step['type'] for step in paste] == [step['type'] for step in pipeline[: len(paste)]]


@pytest.mark.parametrize(
    ('build', 'key'), [(parts.original_test, 'crop_size'), (parts.port_test, 'scale')]
)
def test_views_are_of_the_size_and_a_quarter_less_and_more(build, key):
    pipeline = [ConfigDict(step) for step in build((1025, 2049))]
    load, augment = parts.add_views(pipeline)
    sizes, flips, pack = augment['transforms']
    assert find(sizes, key) == [(1025, 2049), (769, 1537), (1281, 2561)]
    assert [load, sizes[0], *pack] == pipeline
    assert find(flips, 'prob') == [0.0, 1.0]
    # Whoever changes one pipeline does not change the other.
    sizes[0][key] = (1, 1)
    assert pipeline[1][key] == (1025, 2049)


def test_views_without_scales_are_mirrored_only():
    _, mirrored = parts.add_views(parts.original_test(), scales=())
    assert [len(steps) for steps in mirrored['transforms']] == [2, 1]
    _, scaled = parts.add_views(parts.original_test())
    assert find(scaled['transforms'][0], 'scale_factor') == [1.0, 0.75, 1.25]


def test_steps_for_mmseg_are_found_there():
    steps = [*parts.original_steps((65, 97)), *parts.port_steps((65, 97))]
    pipeline = parts.semantic_train(steps)[2:-1]
    for ours, theirs in zip(steps, pipeline, strict=True):
        name = ours['type']
        assert theirs['type'] == (f'mmdet.{name}' if name.startswith('KMaX') else name)
    # mmdet's sizes of this one are (width, height).
    assert [find(s, 'crop_size')[-1] for s in (steps, pipeline)] == [(97, 65), (65, 97)]
