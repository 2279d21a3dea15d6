"""Metrics in use, and random panoptic data sets that hold what evaluation can go wrong with."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from panoptic_files import write_truth
from torch import distributed

CATEGORIES = [
    dict(id=91, name='sky', isthing=0),
    dict(id=7, name='cat', isthing=1),
    dict(id=200, name='sea', isthing=0),
    dict(id=300, name='dog', isthing=1),
    dict(id=2, name='owl', isthing=1),
    dict(id=5, name='mud', isthing=0),
]
CLASSES = ('cat', 'dog', 'owl', 'sky', 'sea', 'mud')
THINGS = 3
# Owls and mud are never annotated.
ANNOTATED = (0, 1, 3, 4)
IMAGES = 8
CATEGORY_OF_LABEL = [next(c['id'] for c in CATEGORIES if c['name'] == n) for n in CLASSES]
KNOWN = dict(classes=CLASSES, categories=CATEGORIES, category_of_label=CATEGORY_OF_LABEL)


@pytest.fixture(scope='session')
def evaluate():
    """Return a function that gives the figures of a metric, which sees two samples at a time."""

    def run(kind, classes, samples, **options):
        metric = METRICS.get(kind)(**options)
        metric.dataset_meta = dict(classes=classes)
        for start in range(0, len(samples), 2):
            metric.process({}, samples[start : start + 2])
        return metric.evaluate(len(samples))

    return run


@pytest.fixture
def in_a_group(two_processes):
    """Return a function that gives what another one finds in two processes of a group, by rank."""

    def run(work):
        def join(rank, port):
            MMLogger._instance_dict.clear()
            address = f'tcp://127.0.0.1:{port}'
            distributed.init_process_group('gloo', address, rank=rank, world_size=2)
            found = work(rank)
            distributed.destroy_process_group()
            return found

        return two_processes(join)

    return run


def rectangle(rng, shape):
    """Return the slices of a random rectangle, often of one pixel or one row."""
    corners = [np.sort(rng.integers(0, size + 1, 2)) for size in shape]
    return tuple(slice(low, max(low + 1, high)) for low, high in corners)


def annotate(rng, shape):
    """Return ids and segments: crowd, areas that are wrong, ids without segment or pixel."""
    ids = np.zeros(shape, np.int64)
    values = rng.choice(256**3 - 1, 8, replace=False) + 1
    for value in rng.choice(values, rng.integers(0, 12)):
        ids[rectangle(rng, shape)] = value
    segments = []
    for value in values.tolist():
        area = int((ids == value).sum())
        if rng.random() < (0.9 if area else 0.1):
            category = CATEGORY_OF_LABEL[rng.choice(ANNOTATED)]
            extra = int(rng.choice([1, 2, 2000])) if rng.random() < 0.1 else 0
            crowd = int(rng.random() < 0.25)
            segments.append(
                dict(id=value, category_id=category, iscrowd=crowd, area=area + extra or 1)
            )
    return ids, segments


def predict(rng, ids, segments):
    """Return labels plus 1000 times the instance: what is annotated, with mistakes on top."""
    void = len(CLASSES)
    pred = np.full(ids.shape, void)
    for number, segment in enumerate(segments):
        label = CATEGORY_OF_LABEL.index(segment['category_id'])
        label = int(rng.integers(void)) if rng.random() < 0.2 else label
        if rng.random() < 0.9:
            pred[ids == segment['id']] = label + (1000 * number if label < THINGS else 0)
    for number in range(rng.integers(0, 5)):
        label = int(rng.integers(void + 1))
        thing = 1000 * (number + 20) if label < THINGS else 0
        pred[rectangle(rng, ids.shape)] = label + thing
    return pred


def instances(rng, panoptic):
    """Return the things of a panoptic map, each also changed and once without a pixel."""
    masks = [np.zeros(panoptic.shape, bool)]
    labels = [int(rng.integers(THINGS))]
    for value in np.unique(panoptic[panoptic % 1000 < THINGS]).tolist():
        changed = panoptic == value
        changed[rectangle(rng, panoptic.shape)] ^= True
        masks += [panoptic == value, changed]
        labels += [value % 1000] * 2
    # Few scores, so that some are equal.
    scores = torch.from_numpy(rng.integers(1, 8, len(labels)) / 8)
    return dict(labels=torch.tensor(labels), scores=scores, masks=torch.from_numpy(np.stack(masks)))


@pytest.fixture
def random_set(tmp_path):
    """Return a function from a seed to annotations in files and predictions in memory."""

    def make(seed):
        rng = np.random.default_rng(seed)
        folder = tmp_path / str(seed)
        annotations, samples, gt_ids = [], [], {}
        for number in range(IMAGES):
            shape = tuple(rng.integers(1, 14, 2))
            ids, segments = annotate(rng, shape)
            if number == 0:
                ids, segments = np.zeros(shape, np.int64), []
            pred = predict(rng, ids, segments)
            if number == 1:
                pred[:] = len(CLASSES)
            name = f'{number}.png'
            annotations.append(dict(image_id=number, file_name=name, segments_info=segments))
            gt_ids[number] = ids
            semantic = np.where(pred % 1000 < len(CLASSES), pred % 1000, 0)
            samples.append(
                dict(
                    img_id=number,
                    img_path=f'images/{number}.jpg',
                    pred_panoptic_seg=dict(sem_seg=torch.from_numpy(pred)[None]),
                    pred_sem_seg=dict(sem_seg=torch.from_numpy(semantic)[None]),
                    pred_instances=instances(rng, pred),
                )
            )
        truth = write_truth(folder, CATEGORIES, annotations, gt_ids.values())
        made = dict(truth=truth, folder=folder, annotations=annotations)
        return SimpleNamespace(**made, gt_ids=gt_ids, samples=samples, **KNOWN)

    return make
