"""The procedural data set: what it holds, that it repeats, that colour does not solve it."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from imports import ROOT

from kmax_deeplab import cli
from projects.kmax.datasets.shapes import CATEGORIES, draw_scene
from projects.kmax.evaluation import pq_compute
from projects.kmax.panoptic_format import write_panoptic_png

TOOL = ROOT / 'tools' / 'dataset_converters' / 'make_shapes.py'
THING_IDS = {category['id'] for category in CATEGORIES if category['isthing']}


@pytest.fixture
def make_shapes(monkeypatch, capfd):
    """Return a function that runs the command in this process, where it starts faster."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['make_shapes.py', *map(str, args)])
        capfd.readouterr()
        try:
            exit_code = cli.run('shapes') or 0
        except SystemExit as stop:
            exit_code = stop.code
        out, err = capfd.readouterr()
        return exit_code, out + err

    return run


def read_ids(path):
    return cv2.imread(str(path)) @ np.array([65536, 256, 1])


def file_bytes(folder):
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp('data') / 'shapes'
    command = [sys.executable, TOOL, out_dir, '--train', '120', '--val', '100', '--workers', '2']
    subprocess.run(command, check=True, timeout=300)
    return out_dir


@pytest.mark.parametrize('split, count', [('train', 120), ('val', 100)])
def test_annotations_agree_with_the_pictures(shapes, split, count):
    data = json.loads((shapes / f'panoptic_{split}.json').read_text())
    assert data['categories'] == CATEGORIES
    assert len(data['images']) == len(data['annotations']) == count
    for image, annotation in zip(data['images'], data['annotations'], strict=True):
        assert annotation['image_id'] == image['id']
        picture = cv2.imread(str(shapes / split / image['file_name']))
        ids = read_ids(shapes / f'panoptic_{split}' / annotation['file_name'])
        assert picture.shape[:2] == ids.shape == (image['height'], image['width']) == (128, 160)
        segments = annotation['segments_info']
        assert {segment['id'] for segment in segments} == set(np.unique(ids)) - {0}
        assert len({segment['id'] for segment in segments}) == len(segments)
        for segment in segments:
            rows, columns = np.nonzero(ids == segment['id'])
            left, top = columns.min(), rows.min()
            box = [left, top, columns.max() - left + 1, rows.max() - top + 1]
            assert segment['area'] == len(rows) and segment['bbox'] == box


def test_scenes_hold_all_that_panoptic_data_can_hold(shapes):
    annotations = json.loads((shapes / 'panoptic_train.json').read_text())['annotations']
    segments = [segment for annotation in annotations for segment in annotation['segments_info']]
    plain = [segment for segment in segments if not segment['iscrowd']]
    assert {segment['category_id'] for segment in plain} == {c['id'] for c in CATEGORIES}
    crowds = [segment for segment in segments if segment['iscrowd']]
    assert 5 <= len(crowds) <= 60
    assert {segment['category_id'] for segment in crowds} <= THING_IDS
    things = [segment for segment in plain if segment['category_id'] in THING_IDS]
    assert 3 <= len(things) / len(annotations) <= 6
    void = [np.any(read_ids(path) == 0) for path in (shapes / 'panoptic_train').iterdir()]
    assert 0.2 < np.mean(void) < 0.8


def test_things_overlap(shapes):
    """Count scenes in which two things touch: they hardly would if none hid another."""
    annotations = json.loads((shapes / 'panoptic_train.json').read_text())['annotations']
    touching = 0
    for annotation in annotations:
        plain = [s for s in annotation['segments_info'] if not s['iscrowd']]
        things = [s['id'] for s in plain if s['category_id'] in THING_IDS]
        ids = read_ids(shapes / 'panoptic_train' / annotation['file_name'])
        ids[~np.isin(ids, things)] = 0
        borders = (ids[:, :-1], ids[:, 1:]), (ids[:-1], ids[1:])
        touching += any(np.any((a != b) & (a > 0) & (b > 0)) for a, b in borders)
    assert touching > 0.5 * len(annotations)


def test_same_bytes_for_any_number_of_workers(make_shapes, tmp_path):
    for workers in (1, 2):
        args = ('--train', 20, '--val', 3, '--seed', 7, '--workers', workers)
        assert make_shapes(tmp_path / str(workers), *args)[0] == 0
    assert file_bytes(tmp_path / '1') == file_bytes(tmp_path / '2')


def test_seeds_splits_and_sizes_differ():
    assert not np.array_equal(draw_scene(0, 96, 64).image, draw_scene(1, 96, 64).image)
    for width, height in ((64, 64), (161, 129), (64, 300), (512, 384)):
        scene = draw_scene(3, width, height)
        assert scene.image.shape == (height, width, 3) and scene.ids.shape == (height, width)
        assert len(scene.segments_info) >= 3


def test_finished_data_set_is_reused_and_others_are_kept(make_shapes, tmp_path):
    args = (tmp_path / 'a', '--train', 2, '--val', 1, '--workers', 1)
    assert make_shapes(*args)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'a').rglob('*.*')}
    exit_code, output = make_shapes(*args)
    assert exit_code == 0 and 'already holds this data set' in output
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / 'a').rglob('*.*')}

    code, message = make_shapes(*args, '--seed', 1)
    assert code == 2 and 'drawn with other arguments' in message
    assert make_shapes(*args[:2], 1, *args[3:], '--force')[0] == 0
    assert [path.name for path in (tmp_path / 'a' / 'train').iterdir()] == ['000001.jpg']


def test_broken_off_data_set_is_drawn_again(make_shapes, tmp_path):
    args = (tmp_path / 'a', '--train', 2, '--val', 1, '--workers', 1)
    assert make_shapes(*args)[0] == 0
    whole = file_bytes(tmp_path / 'a')
    (tmp_path / 'a' / 'panoptic_val.json').unlink()
    (tmp_path / 'a' / 'train' / '000002.jpg').unlink()
    assert make_shapes(*args)[0] == 0
    assert file_bytes(tmp_path / 'a') == whole


@pytest.mark.parametrize('force', [[], ['--force']])
def test_a_foreign_folder_is_left_alone(make_shapes, tmp_path, force):
    (tmp_path / 'train').mkdir()
    code, message = make_shapes(tmp_path, '--train', 1, *force)
    assert code == 2 and 'not from make_shapes.py' in message
    assert list(tmp_path.iterdir()) == [tmp_path / 'train']


@pytest.mark.parametrize(
    'args, message',
    [
        (('--size', 63, 128), '--size needs at least 64 pixels a side'),
        (('--train', -1), '--train must be at least 0, got -1'),
        (('--val', -5), '--val must be at least 0, got -5'),
        (('--seed', -1), '--seed must be at least 0, got -1'),
        (('--workers', 0), '--workers must be at least 1, got 0'),
    ],
)
def test_bad_arguments(make_shapes, tmp_path, args, message):
    exit_code, output = make_shapes(tmp_path / 'a', *args)
    assert exit_code == 2 and message in output
    assert not (tmp_path / 'a').exists()


class ColourBaseline:
    """Classes by the nearest of a few k-means prototypes in Lab, things by connected components."""

    def __init__(self, prototypes, blur, min_area=150):
        self.prototypes = prototypes
        self.blur = blur
        self.min_area = min_area

    def _features(self, picture):
        if self.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur)
        return cv2.cvtColor(picture, cv2.COLOR_BGR2LAB).astype(np.float32)

    def fit(self, samples):
        colours = {category['id']: [] for category in CATEGORIES}
        for picture, ids, segments in samples:
            features = self._features(picture)
            for segment in segments:
                if not segment['iscrowd']:
                    pixels = features[ids == segment['id']][::11]
                    colours[segment['category_id']].append(pixels)
        cv2.setRNGSeed(0)
        stop = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 20, 1.0)
        options = (self.prototypes, None, stop, 1, cv2.KMEANS_PP_CENTERS)
        centres = [cv2.kmeans(np.concatenate(pixels), *options)[2] for pixels in colours.values()]
        self.centres = np.concatenate(centres)
        self.labels = np.repeat(list(colours), self.prototypes)

    def predict(self, picture):
        features = self._features(picture).reshape(-1, 3)
        distances = (self.centres**2).sum(1) - 2 * features @ self.centres.T
        labels = self.labels[distances.argmin(1)].reshape(picture.shape[:2]).astype(np.uint8)
        labels = cv2.medianBlur(labels, 7)
        ids, segments = np.zeros(labels.shape, np.int32), []
        for category_id in map(int, np.unique(labels)):
            mask = (labels == category_id).astype(np.uint8)
            parts = cv2.connectedComponents(mask)[1] if category_id in THING_IDS else mask
            for part in range(1, parts.max() + 1):
                inside = parts == part
                if np.count_nonzero(inside) >= self.min_area:
                    segments.append(dict(id=len(segments) + 1, category_id=category_id))
                    ids[inside] = len(segments)
        return ids, segments


def read_samples(data_root, split):
    for annotation in json.loads((data_root / f'panoptic_{split}.json').read_text())['annotations']:
        name = annotation['file_name']
        picture = cv2.imread(str(data_root / split / name.replace('png', 'jpg')))
        ids = read_ids(data_root / f'panoptic_{split}' / name)
        yield picture, ids, annotation['segments_info']


@pytest.mark.parametrize('prototypes, blur', [(1, 4.0), (8, 0), (8, 1.5)])
def test_colour_does_not_solve_the_scenes(shapes, tmp_path, prototypes, blur):
    baseline = ColourBaseline(prototypes, blur)
    baseline.fit(read_samples(shapes, 'train'))
    truth = json.loads((shapes / 'panoptic_val.json').read_text())
    annotations = []
    pictures = (picture for picture, *_ in read_samples(shapes, 'val'))
    for item, picture in zip(truth['annotations'], pictures, strict=True):
        ids, segments = baseline.predict(picture)
        write_panoptic_png(tmp_path / 'panoptic' / item['file_name'], ids)
        annotations.append({**item, 'segments_info': segments})
    prediction_file = tmp_path / 'panoptic.json'
    prediction_file.write_text(json.dumps({**truth, 'annotations': annotations}))
    result = pq_compute(gt_json_file=shapes / 'panoptic_val.json', pred_json_file=prediction_file)
    assert 0 < result['All']['pq'] < 0.25
