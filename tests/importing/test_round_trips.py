"""From the panoptic format to others and back, nothing but ids changes."""

import json

import numpy as np
import pytest
from exports import EXPORTS, PanopticSet, export_coconut, result, write_map, write_yaml

from projects.kmax.panoptic.files import write_panoptic_json, write_panoptic_png

CATEGORIES = [
    dict(id=1, name='Gebäude', isthing=0, color=[70, 70, 70]),
    dict(id=4, name='car', isthing=1, color=[0, 0, 142]),
    dict(id=9, name='sky', isthing=0, color=[70, 130, 180]),
    dict(id=13, name='人', isthing=1, color=[220, 20, 60]),
]


@pytest.fixture
def small_set(tmp_path):
    """Six images with things, stuff, crowd and void; names with folders and other letters."""
    rng = np.random.default_rng(0)
    root = tmp_path / 'truth'
    images, annotations = [], []
    for number in range(6):
        name = f'straße {number % 2}/{number}.png'
        coarse = rng.integers(0, 8, (6, 8))
        ids = np.kron(coarse, np.ones((5, 4), int)) * 1000
        write_map(root / 'images' / name, np.zeros((30, 32, 3), np.uint8))
        write_panoptic_png(root / 'png' / name, ids)
        # Stuff first, one crowd of cars, then objects; 0 is void.
        described = {1: (1, 0), 2: (9, 0), 3: (4, 1), 4: (4, 0), 5: (4, 0), 6: (13, 0), 7: (13, 0)}
        segments = [
            dict(id=value * 1000, category_id=described[value][0], iscrowd=described[value][1])
            for value in np.unique(coarse).tolist()
            if value
        ]
        images.append(dict(id=number, file_name=name, height=30, width=32))
        annotations.append(dict(image_id=number, file_name=name, segments_info=segments))
    write_panoptic_json(
        root / 'truth.json', images=images, annotations=annotations, categories=CATEGORIES
    )
    return PanopticSet(root / 'truth.json', root / 'png', root / 'images')


def back(tool, source, tmp_path, form):
    """Export a data set, import it and return what became of it."""
    (tmp_path / 'export').mkdir()
    kind, export = EXPORTS[form]
    out = tmp_path / 'out'
    words = [*export(source, tmp_path / 'export')]
    classes = write_yaml(source, tmp_path / 'export' / 'c.yaml')
    sources = [word for word in words[:2] if not str(word).startswith('--')]
    tool(
        *(kind, *sources, out, *words[len(sources) :], '--image-dir', source.image_dir),
        *('--classes', classes, '--split', 0),
    )
    return out


@pytest.mark.parametrize('form', EXPORTS)
def test_small_set(tool, small_set, tmp_path, form):
    out = back(tool, small_set, tmp_path, form)
    assert result(out, 'train').describe() == small_set.describe()
    content = json.loads((out / 'panoptic_train.json').read_text())
    assert content['categories'] == CATEGORIES
    for image in content['images']:
        link = out / 'train' / image['file_name']
        assert link.resolve() == small_set.image_dir / image['file_name']


@pytest.mark.parametrize('form', ['instances', 'masks'])
def test_coco(tool, real_data, tmp_path, form):
    root = real_data('coco_panoptic_sample')
    source = PanopticSet(root / 'panoptic_sample.json', root / 'panoptic_sample', root / 'images')
    out = back(tool, source, tmp_path, form)
    assert result(out, 'train').describe() == source.describe()


@pytest.mark.parametrize('name', ['camvid_panoptic', 'nuclei_panoptic'])
def test_given_instances_and_maps(tool, real_data, tmp_path, name):
    """Written by others: the values of the maps are the ids of the categories less one."""
    root = real_data(name)
    truth = json.loads((root / 'panoptic_val.json').read_text())
    rows = [
        dict(name=c['name'], isthing=bool(c['isthing']), id=c['id'], value=c['id'] - 1)
        for c in truth['categories']
    ]
    (tmp_path / 'c.yaml').write_text(json.dumps(dict(classes=rows)))
    given = json.loads((root / 'instances_val.json').read_text())
    given['images'] = given['images'][:25]
    kept = {image['id'] for image in given['images']}
    given['annotations'] = [a for a in given['annotations'] if a['image_id'] in kept]
    (tmp_path / 'instances.json').write_text(json.dumps(given))
    tool(
        *('instances', tmp_path / 'instances.json', root / 'semantic_val', tmp_path / 'out'),
        *('--image-dir', root / 'val', '--classes', tmp_path / 'c.yaml', '--split', 0),
    )
    source = PanopticSet(root / 'panoptic_val.json', root / 'panoptic_val', root / 'val')
    source.annotations = [a for a in source.annotations if a['image_id'] in kept]
    assert result(tmp_path / 'out', 'train').describe() == source.describe()


def test_coconut_counts_from_0(tool, small_set, tmp_path):
    """Without a list of categories, those of rows are COCO's in their order, from 0."""
    (tmp_path / 'export').mkdir()
    path, masks = export_coconut(small_set, tmp_path / 'export')
    content = json.loads(path.read_text())
    del content['categories']
    # person, bicycle; banner, blanket.
    number = {1: 80, 4: 1, 9: 81, 13: 0}
    for annotation in content['annotations']:
        for segment in annotation['segments_info']:
            segment['category_id'] = number[segment['category_id']]
            del segment['area']
    path.write_text(json.dumps(content))
    out = tmp_path / 'out'
    words = ('coconut', path, masks, out, '--image-dir', small_set.image_dir, '--split', 0)
    assert 'note: the categories of' in tool(*words)
    names = dict(zip(['banner', 'bicycle', 'blanket', 'person'], CATEGORIES, strict=True))
    found = result(out, 'train').describe()
    renamed = {
        image: {(names[name]['name'], *rest) for name, *rest in segments}
        for image, segments in found.items()
    }
    assert renamed == small_set.describe()


def test_areas_of_coco(tool, recordings, tmp_path):
    """The areas of four images of COCO; the runs of pycocotools are as long, but elsewhere."""
    path = recordings('instance/coco4') / 'gt_instances.json'
    given = json.loads(path.read_text())
    for image in given['images']:
        pixels = np.zeros((image['height'], image['width'], 3), np.uint8)
        write_map(tmp_path / 'images' / image['file_name'], pixels)
    out = tmp_path / 'out'
    tool('instances', path, out, '--image-dir', tmp_path / 'images', '--split', 0)
    written = json.loads((out / 'panoptic_train.json').read_text())
    segments = [s for a in written['annotations'] for s in a['segments_info']]
    found, expected = (
        sorted((s['category_id'], s['iscrowd'], s['area']) for s in each)
        for each in (segments, given['annotations'])
    )
    assert found == expected
