"""What configs have in common is built from the numbers in which they differ."""

import pytest
from mmengine.config import ConfigDict

from kmax_deeplab.config_parts import (
    add_views,
    original_steps,
    original_test,
    original_train,
    port_steps,
    port_test,
    port_train,
    semantic_train,
)


def find(steps, key):
    return [step[key] for step in steps if key in step]


@pytest.mark.parametrize('build', [original_train, port_train])
def test_images_pasted_from_have_half_of_the_scales(build):
    pipeline = build((65, 97), scale_range=(0.3, 1.7))
    (paste,) = find(pipeline, 'source_pipeline')
    assert find(pipeline, 'scale_range') == [(0.3, 1.7)]
    assert find(paste, 'scale_range') == [(0.15, 0.85)]
    assert [step['type'] for step in paste] == [step['type'] for step in pipeline[: len(paste)]]


@pytest.mark.parametrize(('build', 'key'), [(original_test, 'crop_size'), (port_test, 'scale')])
def test_views_are_of_the_size_and_a_quarter_less_and_more(build, key):
    pipeline = [ConfigDict(step) for step in build((1025, 2049))]
    load, augment = add_views(pipeline)
    sizes, flips, pack = augment['transforms']
    assert find(sizes, key) == [(1025, 2049), (769, 1537), (1281, 2561)]
    assert [load, sizes[0], *pack] == pipeline
    assert find(flips, 'prob') == [0.0, 1.0]
    # Whoever changes one pipeline does not change the other.
    sizes[0][key] = (1, 1)
    assert pipeline[1][key] == (1025, 2049)


def test_views_without_scales_are_mirrored_only():
    assert [len(steps) for steps in add_views(original_test(), scales=())[1]['transforms']] == [
        2,
        1,
    ]
    assert find(add_views(original_test())[1]['transforms'][0], 'scale_factor') == [1.0, 0.75, 1.25]


def test_steps_for_mmseg_are_found_there():
    steps = [*original_steps((65, 97)), *port_steps((65, 97))]
    pipeline = semantic_train(steps)[2:-1]
    for ours, theirs in zip(steps, pipeline, strict=True):
        name = ours['type']
        assert theirs['type'] == (f'mmdet.{name}' if name.startswith('KMaX') else name)
    # mmdet's sizes of this one are (width, height).
    assert [find(s, 'crop_size')[-1] for s in (steps, pipeline)] == [(97, 65), (65, 97)]
