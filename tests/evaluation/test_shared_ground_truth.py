"""Metrics of one run read their annotations once, and find what each finds alone."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from panoptic_files import edit

from projects.kmax.evaluation import ground_truth, recent_maps
from projects.kmax.evaluation.recent_maps import RECENT_MAPS, RecentMaps
from projects.kmax.panoptic_format import write_panoptic_png

KINDS = (
    *('KMaXPanopticMetric', 'KMaXPipelinePanopticMetric'),
    *('KMaXInstanceMetric', 'KMaXSemanticMetric'),
)


def evaluator(made, *kinds):
    evaluator = Evaluator([dict(type=f'mmdet.{kind}', **made.truth) for kind in kinds])
    evaluator.dataset_meta = dict(classes=made.classes)
    return evaluator


def evaluate(made, *kinds, batch=3):
    tested = evaluator(made, *kinds)
    for start in range(0, len(made.samples), batch):
        tested.process(made.samples[start : start + batch])
    return tested.evaluate(len(made.samples))


@pytest.fixture
def reads(monkeypatch):
    """Count the reads of each file."""
    counts = Counter()

    def counted(original):
        def read(path, *args):
            counts[str(path)] += 1
            return original(path, *args)

        return read

    for name in ('read_panoptic_json', 'read_panoptic_png'):
        monkeypatch.setattr(ground_truth, name, counted(getattr(ground_truth, name)))
    return counts


@pytest.mark.parametrize('batch', [1, 3, 8])
def test_each_file_is_read_once(random_set, reads, batch):
    made = random_set(0)
    figures = evaluate(made, *KINDS, batch=batch)
    folder = made.folder
    pngs = {str(folder / 'gt' / a['file_name']): 1 for a in made.annotations}
    assert reads == {str(folder / 'gt.json'): 1} | pngs
    alone = {}
    for kind in KINDS:
        alone |= evaluate(made, kind)
    assert figures == alone
    assert not RECENT_MAPS._slots


def test_a_file_written_anew_is_read_anew(random_set, reads):
    made = random_set(0)
    first = evaluator(made, KINDS[0])
    edit(made.folder / 'gt.json', lambda content: content['categories'][0].update(name='heaven'))
    second = evaluator(made, KINDS[0])
    names = [
        [c['name'] for c in tested.metrics[0].ground_truth.categories.values()]
        for tested in (first, second)
    ]
    assert (names[0][0], names[1][0]) == ('sky', 'heaven')
    assert names[0][1:] == names[1][1:]


def test_a_png_mended_after_a_failed_run_is_read_anew(random_set, tmp_path):
    made = random_set(0)
    truth = ground_truth.PanopticGroundTruth('metric', *made.truth.values())
    annotation = made.annotations[0]
    path, shape = made.folder / 'gt' / annotation['file_name'], (7, 5)
    with pytest.raises(ValueError, match='the prediction has size'):
        truth.read(annotation['image_id'], shape)
    write_panoptic_png(path, np.ones(shape, np.uint32))
    assert truth.read(annotation['image_id'], shape)[0].shape == shape


def test_a_missing_png_is_told_by_every_metric(random_set):
    made = random_set(0)
    (made.folder / 'gt' / '5.png').unlink()
    for kind in KINDS:
        with pytest.raises(FileNotFoundError, match=r'gt/5.png of image 5 does not exist'):
            evaluate(made, kind)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(recent_maps, 'MAX_BYTES', 1000)
    maps, reads = RecentMaps(), Counter()

    def read(key):
        def work():
            reads[key] += 1
            return np.full(100, key, np.uint32)

        return maps.get(key, work)

    for key in (0, 1, 1, 0, 2, 2, 1, 0):
        assert read(key)[0] == key
    assert reads == {0: 2, 1: 1, 2: 1}
    assert sum(slot.ids.nbytes for slot in maps._slots.values()) <= 1000
    with pytest.raises(ValueError, match='read-only'):
        read(0)[0] = 5


def test_threads_wait_for_the_one_that_reads():
    maps, reads, began = RecentMaps(), [], threading.Barrier(8)

    def read():
        reads.append(1)
        # Long enough for the others to ask.
        threading.Event().wait(0.05)
        return np.zeros(4, np.uint32)

    def ask(_):
        began.wait()
        return maps.get('a', read)

    with ThreadPoolExecutor(8) as threads:
        first, *others = threads.map(ask, range(8))
    assert len(reads) == 1
    assert all(one is first for one in others) and len(others) == 7
