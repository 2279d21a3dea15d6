"""The command with the exports of annotation tools."""

import pytest
from opened import STREET, copy_sample


@pytest.fixture
def sample(tmp_path):
    return copy_sample('labelme', tmp_path)


def test_a_folder_of_labelme_becomes_a_data_set(sample, tool, tmp_path):
    out = tmp_path / 'out'
    printed = tool('labelme', sample / 'labels', out, '--things', 'car,ball', '--split', 0)
    assert 'train: 2 images, segments: 3 things, 2 stuff, 0 crowd' in printed
    assert 'left out: 1 images without annotations' in printed
    embedded = out / 'train' / 'embedded.png'
    assert embedded.read_bytes().startswith(b'\x89PNG')


def test_all_faults_are_listed_and_nothing_is_written(sample, tool, tmp_path):
    labels = sample / 'labels'
    (labels / 'copy.json').write_bytes((labels / 'straße 1.json').read_bytes())
    (labels / 'broken.json').write_text('{')
    classes = tmp_path / 'classes.yaml'
    classes.write_text('classes: [{name: road, isthing: false}, {name: car, isthing: true}]')
    printed = tool('labelme', labels, tmp_path / 'out', '--classes', classes, fails=True)
    assert 'broken.json is not valid JSON' in printed
    assert f'{STREET} is annotated 2 times' in printed
    assert 'shape 4 is of "ball", which is neither a class nor ignored in ' in printed
    assert not (tmp_path / 'out').exists()


def test_what_tells_things_from_stuff_is_asked_for(tool, tmp_path):
    sample = copy_sample('cvat', tmp_path)
    words = ('cvat', sample / 'annotations.xml', tmp_path / 'out')
    printed = tool(*words, '--image-dir', sample / 'images', fails=True)
    assert (
        'give --things A,B,C ("" for none) or --classes FILE; the labels are car, road' in printed
    )
