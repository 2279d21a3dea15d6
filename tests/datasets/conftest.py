"""A tiny data set in COCO panoptic format."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope

CATEGORIES = [
    {'id': 10, 'name': 'grass', 'isthing': 0},
    {'id': 20, 'name': 'cat', 'isthing': 1, 'color': [255, 0, 0]},
    {'id': 30, 'name': 'sky', 'isthing': 0},
    {'id': 40, 'name': 'dog', 'isthing': 1},
]
SEGMENTS = [
    {'id': 70000, 'category_id': 20, 'iscrowd': 0},
    {'id': 300, 'category_id': 40, 'iscrowd': 0},
    {'id': 5, 'category_id': 10, 'iscrowd': 0},
    {'id': 6, 'category_id': 10, 'iscrowd': 0},
    {'id': 7, 'category_id': 40, 'iscrowd': 1},
]


def write_ids(path: Path, ids: np.ndarray) -> None:
    """Write a panoptic PNG."""
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    cv2.imwrite(str(path), rgb[..., ::-1])


@pytest.fixture(scope='module')
def recorded(oracle):
    """Arrays of the original's preprocessing."""
    with np.load(oracle('tf/tf_preprocess.npz')) as arrays:
        return dict(arrays)


@pytest.fixture
def panoptic_ids() -> np.ndarray:
    """Ids of every image: the five segments in columns, and void."""
    ids = np.zeros((24, 40), dtype=np.int64)
    for column, segment in enumerate(SEGMENTS):
        ids[:, 7 * column : 7 * column + 7] = segment['id']
    return ids


@pytest.fixture
def panoptic_folder(tmp_path: Path, panoptic_ids: np.ndarray) -> Path:
    """Write two images, the second a JPEG without segments but void."""
    for name in ('images', 'panoptic'):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for name in ('1.png', '2.jpg'):
        cv2.imwrite(str(tmp_path / 'images' / name), rng.integers(0, 256, (24, 40, 3), np.uint8))
    write_ids(tmp_path / 'panoptic' / '1.png', panoptic_ids)
    write_ids(tmp_path / 'panoptic' / '2.png', np.zeros_like(panoptic_ids))
    content = {
        'images': [
            {'id': 1, 'file_name': '1.png', 'height': 24, 'width': 40},
            {'id': 2, 'file_name': '2.jpg', 'height': 24, 'width': 40},
        ],
        'annotations': [
            {'image_id': 1, 'file_name': '1.png', 'segments_info': SEGMENTS},
            {'image_id': 2, 'file_name': '2.png', 'segments_info': []},
        ],
        'categories': CATEGORIES,
    }
    (tmp_path / 'panoptic.json').write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def edit_json(panoptic_folder: Path):
    """Return a function that changes the annotation file by a given function."""

    def edit(change) -> None:
        path = panoptic_folder / 'panoptic.json'
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture
def build_dataset(panoptic_folder: Path):
    """Return a function that builds the data set with a loading pipeline."""
    init_default_scope('mmdet')

    def build(**kwargs):
        settings = {
            'type': 'KMaXPanopticDataset',
            'data_root': str(panoptic_folder),
            'ann_file': 'panoptic.json',
            'data_prefix': {'img': 'images', 'seg': 'panoptic'},
            'pipeline': [
                {'type': 'LoadImageFromFile'},
                {'type': 'LoadPanopticIds'},
                {'type': 'PackKMaXInputs', 'with_sem_seg': True},
            ],
        }
        return DATASETS.build(settings | kwargs)

    return build


@pytest.fixture
def coco_sample(real_data):
    """Return a function that gives the settings of a data set of real images of COCO."""
    return lambda: dict(
        type='KMaXCocoPanopticDataset',
        data_root=str(real_data('coco_panoptic_sample')),
        ann_file='panoptic_sample.json',
        data_prefix=dict(img='images', seg='panoptic_sample'),
    )
