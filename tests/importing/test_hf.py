import sys

import cv2
import numpy as np
import pytest
from opened import SAMPLES, STREET, disc, image_of, masks_of, messages_of, open_export

from projects.kmax.importing import hf
from projects.kmax.importing.source import AsThing, ClassHint

SAMPLE = SAMPLES / 'hf' / 'train'
SECOND = '000001.png'


@pytest.fixture
def datasets():
    """Return the package, whose messages are not shown; skip where it is not installed."""
    return pytest.importorskip('datasets')


@pytest.fixture
def edit(datasets, tmp_path):
    """Return a function that changes the rows of the sample, saves them and opens them."""
    number = 0

    def change(function):
        nonlocal number
        number += 1
        rows = list(hf.open_dataset(SAMPLE))
        features = datasets.load_from_disk(str(SAMPLE)).features
        rows, features = function(rows, features) or (rows, features)
        folder = tmp_path / str(number)
        datasets.Dataset.from_list(rows, features=features).save_to_disk(str(folder))
        return open_export('hf', folder)

    return change


def test_the_sample_has_no_fault_and_names_of_categories(datasets):
    source = open_export('hf', SAMPLE)
    assert messages_of(source) == []
    assert source.classes == [ClassHint('road', id=0), ClassHint('ball', id=1)]
    assert sorted(image.name for image in source.images) == ['000000.png', SECOND]


def test_segments_have_the_pixels_of_their_ids(datasets):
    (road, _, first), (ball, small, second), (crowd, large, third) = masks_of(
        open_export('hf', SAMPLE), '000000.png'
    )
    assert [road, ball, crowd] == ['road', 'ball', 'ball']
    assert [first, second, third] == [AsThing.OBJECT, AsThing.OBJECT, AsThing.CROWD]
    rows = np.mgrid[:30, :40][0]
    assert np.array_equal(small, disc(10, 10, 5))
    assert np.array_equal(large, disc(30, 20, 5) & (rows < 25))
    assert masks_of(open_export('hf', SAMPLE), SECOND) == []


def test_stored_names_are_kept_where_all_differ(edit):
    def name(rows, features):
        rows[1]['image']['path'] = 'b.png'

    source = edit(name)
    assert sorted(image.name for image in source.images) == ['b.png', STREET]
    assert image_of(source, STREET).read_image().startswith(b'\x89PNG')


def test_the_other_column_of_images_is_the_mask(edit):
    def rename(rows, features):
        features['label'] = features.pop('mask')
        for row in rows:
            row['label'] = row.pop('mask')

    assert len(masks_of(edit(rename), '000000.png')) == 3


def test_categories_without_names_are_numbers(datasets, edit):
    def forget(rows, features):
        features['segments_info'].feature['category_id'] = datasets.Value('int64')

    source = edit(forget)
    assert source.classes == []
    assert [label for label, *_ in masks_of(source, '000000.png')] == [0, 1, 1]


def test_segments_as_lists_of_fields_are_read():
    fields = dict(id=[1, 2], category_id=[0, 1], area=[None, 5])
    assert hf._segments_of(fields) == [
        dict(id=1, category_id=0),
        dict(id=2, category_id=1, area=5),
    ]


def _set(field, value):
    return lambda rows, features: rows[0]['segments_info'][1].update({field: value})


def _shrink(rows, features):
    _, encoded = cv2.imencode('.png', np.zeros((30, 20, 3), np.uint8))
    rows[0]['mask'] = dict(bytes=encoded.tobytes(), path=None)


def _without(column):
    return lambda rows, features: rows[0].update({column: None})


def _drop(rows, features):
    del rows[0]['segments_info'][1]


FAULTS = {
    'another id': (_set('id', 9), ['holds id 2, which is not', 'has no pixel of id 9']),
    'no segment': (_drop, ['holds id 2, which is not among the segments_info of row 0 of ']),
    'same id': (_set('id', 1), ['segment 1 of row 0 of ', 'that is void or that of another']),
    'no category': (_set('category_id', None), ['segment 2 of row 0 of ', 'lacks category_id']),
    'crowd': (_set('iscrowd', 7), ['has "iscrowd": 7, which must be 0 or 1']),
    'size': (_shrink, ['mask of row 0 of ', ' is 20x30 pixels, but its image is 40x30']),
    'no mask': (_without('mask'), ['row 0 of ', ' has no mask']),
    'no image': (_without('image'), ['row 0 of ', ' has no image']),
}


@pytest.mark.parametrize('case', FAULTS)
def test_a_faulty_row_is_named(edit, case):
    change, expected = FAULTS[case]
    text = ' | '.join(messages_of(edit(change)))
    assert all(part in text for part in expected), text


def test_a_damaged_mask_and_what_is_no_image_are_named(edit):
    def damage(rows, features):
        rows[0]['mask'] = dict(bytes=rows[0]['mask']['bytes'][:60], path=None)
        rows[1]['image'] = dict(bytes=b'text', path=None)

    no_image, no_mask = messages_of(edit(damage))
    assert 'the image of row 1 of ' in no_image and 'is no PNG, JPEG, BMP, TIFF' in no_image
    assert 'label map mask of row 0 of ' in no_mask and 'cannot be read' in no_mask


def test_what_is_no_panoptic_data_set_is_refused(datasets, tmp_path):
    rows = datasets.load_from_disk(str(SAMPLE))
    datasets.DatasetDict(train=rows).save_to_disk(str(tmp_path / 'splits'))
    with pytest.raises(ValueError, match='has several splits: give one of .*splits/train'):
        open_export('hf', tmp_path / 'splits')
    rows.remove_columns('segments_info').save_to_disk(str(tmp_path / 'segments'))
    with pytest.raises(ValueError, match='has no column segments_info, but image, mask'):
        open_export('hf', tmp_path / 'segments')
    rows.remove_columns('mask').save_to_disk(str(tmp_path / 'masks'))
    with pytest.raises(ValueError, match='has 0 columns of images beside image'):
        open_export('hf', tmp_path / 'masks')
    with pytest.raises(FileNotFoundError):
        open_export('hf', tmp_path)
    (arrow,) = (tmp_path / 'masks').glob('*.arrow')
    arrow.write_bytes(b'damaged')
    hf.open_dataset.cache_clear()
    with pytest.raises(ValueError, match='is no data set that can be read'):
        open_export('hf', tmp_path / 'masks')


def test_the_package_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'datasets', None)
    with pytest.raises(ModuleNotFoundError, match='pip install datasets'):
        open_export('hf', tmp_path)
