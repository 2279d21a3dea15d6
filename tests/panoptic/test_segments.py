"""What the one writer writes is sound, and read as what it was."""

import numpy as np
import pytest

from kmax_deeplab.id_runs import find_runs
from projects.kmax.panoptic.comparison import find_pixel_faults
from projects.kmax.panoptic.files import (
    MAX_ID,
    read_panoptic_json,
    read_panoptic_png,
    write_panoptic_json,
    write_panoptic_png,
)
from projects.kmax.panoptic.records import find_record_faults, usable_records
from projects.kmax.panoptic.segments import measure_segments, measures_of, parse_segments
from projects.kmax.void import VOID_ID

CATEGORIES = [dict(id=7, name='cat', isthing=1), dict(id=3, name='sky', isthing=0)]
DESCRIBED = {
    1: dict(category_id=7, iscrowd=1),
    300: dict(category_id=3),
    70000: dict(category_id=3),
    MAX_ID: dict(category_id=7, score=0.5),
}


@pytest.fixture
def ids():
    """A map in which void, crowd and ids of one to three bytes lie in no order."""
    values = np.array([VOID_ID, *DESCRIBED])
    return values[np.random.default_rng(0).integers(0, len(values), (13, 17))]


def test_round_trip(ids, tmp_path):
    infos = measure_segments(ids, DESCRIBED.__getitem__)
    assert [info['id'] for info in infos] == list(DESCRIBED)
    names = ['id', 'category_id', 'area', 'bbox', 'iscrowd']
    assert [list(info) for info in infos] == [names, names, names, [*names, 'score']]
    write_panoptic_png(tmp_path / '1.png', ids)
    write_panoptic_json(
        tmp_path / 'a.json',
        images=[dict(id=1, file_name='1.jpg', height=13, width=17)],
        annotations=[dict(image_id=1, file_name='1.png', segments_info=infos)],
        categories=CATEGORIES,
    )
    assert {path.name for path in tmp_path.iterdir()} == {'1.png', 'a.json'}
    content = read_panoptic_json(tmp_path / 'a.json', ('images', 'annotations', 'categories'))
    assert list(content) == ['images', 'annotations', 'categories']
    assert list(find_record_faults(content, {}, 'a.json')) == []
    (_,), annotations = usable_records(content)
    segments = annotations[1]['segments_info']
    assert segments == infos
    record = parse_segments(segments, {7: 0, 3: 1}, 1) | measures_of(segments)
    assert record['segment_rows'] == [0, 1, 1, 2]
    assert record['segment_labels'] == [1, 0]
    png = read_panoptic_png(tmp_path / '1.png', 'image 1')
    assert np.array_equal(png, ids)
    record |= dict(img_id=1, ann_file='a.json', seg_map_path='1.png')
    assert list(find_pixel_faults(find_runs(png), record)) == []


def test_segments_of_no_known_category_have_no_row():
    segments = [dict(id=1), dict(id=2, category_id=9), dict(id=3, category_id=7)]
    assert parse_segments(segments, {7: 0}, 1) == dict(
        segment_ids=[1, 2, 3], segment_rows=[0, 0, 1], segment_labels=[0]
    )
