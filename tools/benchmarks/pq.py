"""Compare the speed of panoptic quality: ours, mmdet's and panopticapi's single-core pass.

``python tools/benchmark_pq.py`` draws images of 640x480, evaluates the same predictions three times
in one run, and fails where the figures differ.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.datasets import CocoPanopticDataset
from mmdet.evaluation.functional import INSTANCE_OFFSET, pq_compute_single_core
from mmdet.evaluation.metrics.coco_panoptic_metric import parse_pq_results
from mmdet.registry import METRICS
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from projects.kmax.panoptic.files import write_panoptic_png

HEIGHT, WIDTH = 480, 640
THINGS = CocoPanopticDataset.METAINFO['thing_classes']
CLASSES = CocoPanopticDataset.METAINFO['classes']
POINTS = 64
TOLERANCE = 1e-9


@dataclass
class Segment:
    """A blob: its label, centre, mean radius and relative outline."""

    label: int
    center: NDArray
    radius: float
    outline: NDArray

    def draw(self, ids: NDArray[np.int32], value: int) -> None:
        """Fill the blob with a value."""
        angles = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
        directions = np.stack([1.4 * np.cos(angles), np.sin(angles)], 1)
        points = self.center + self.radius * self.outline[:, None] * directions
        cv2.fillPoly(ids, [points.round().astype(np.int32)], value)


def random_outline(rng: np.random.Generator, roughness: float) -> NDArray:
    """Return distances from the centre, near 1, at equal angles."""
    noise = rng.normal(size=POINTS)
    smooth = np.convolve(np.tile(noise, 3), np.ones(5) / 5, 'same')[POINTS : 2 * POINTS]
    return 1 + roughness * smooth


def random_scene(rng: np.random.Generator) -> list[Segment]:
    """Return large stuff blobs below smaller things, about as many as in COCO."""
    stuff = rng.choice(np.arange(len(THINGS), len(CLASSES)), 5, replace=False)
    things = rng.integers(0, len(THINGS), 1 + rng.poisson(8))
    radii = np.append(rng.uniform(120, 300, len(stuff)), 10 + rng.exponential(35, len(things)))
    return [
        Segment(int(label), rng.uniform((0, 0), (WIDTH, HEIGHT)), radius, random_outline(rng, 0.4))
        for label, radius in zip(np.append(stuff, things), radii, strict=True)
    ]


def predict(scene: list[Segment], rng: np.random.Generator) -> list[Segment]:
    """Return a scene as a model may see it: outlines differ, some segments are lost or mistaken."""
    seen = []
    for segment in scene:
        if rng.random() < 0.15:
            continue
        label = segment.label
        if rng.random() < 0.1:
            first, last = (0, len(THINGS)) if label < len(THINGS) else (len(THINGS), len(CLASSES))
            label = int(rng.integers(first, last))
        outline = segment.outline + random_outline(rng, 0.15) - 1
        seen.append(Segment(label, segment.center + rng.normal(size=2), segment.radius, outline))
    return seen


def annotate(number: int, scene: list[Segment], folder: Path) -> dict:
    """Write the PNG of a scene; return its entry in the JSON."""
    ids = np.zeros((HEIGHT, WIDTH), np.int32)
    # Colours as in COCO, where ids are any numbers of 24 bits.
    values = {1 + (7919 * (k + 1) * number) % (256**3 - 1): s for k, s in enumerate(scene)}
    for value, segment in values.items():
        segment.draw(ids, value)
    name = f'{number:012}.png'
    write_panoptic_png(folder / name, ids)
    present, areas = np.unique(ids, return_counts=True)
    segments = [
        dict(id=value, category_id=values[value].label + 1, iscrowd=0, area=area)
        for value, area in zip(present.tolist(), areas.tolist(), strict=True)
        if value
    ]
    return dict(image_id=number, file_name=name, segments_info=segments)


def draw_prediction(scene: list[Segment]) -> torch.Tensor:
    """Return a panoptic map ``(1, H, W)`` as a model gives it."""
    ids = np.full((HEIGHT, WIDTH), len(CLASSES), np.int32)
    for instance, segment in enumerate(scene, 1):
        thing = segment.label < len(THINGS)
        segment.draw(ids, segment.label + (INSTANCE_OFFSET * instance if thing else 0))
    return torch.from_numpy(ids)[None]


def make_data(folder: Path, count: int) -> list[dict]:
    """Write the annotations of random images; return their predictions as data samples."""
    rng = np.random.default_rng(0)
    annotations, samples = [], []
    for number in range(1, count + 1):
        scene = random_scene(rng)
        annotations.append(annotate(number, scene, folder / 'gt'))
        sample = dict(
            img_id=number,
            img_path=f'{number:012}.jpg',
            ori_shape=(HEIGHT, WIDTH),
            pred_panoptic_seg=dict(sem_seg=draw_prediction(predict(scene, rng))),
        )
        samples.append(sample)
    categories = [
        dict(id=label + 1, name=name, isthing=int(label < len(THINGS)))
        for label, name in enumerate(CLASSES)
    ]
    images = [
        dict(id=a['image_id'], file_name=a['file_name'], height=HEIGHT, width=WIDTH)
        for a in annotations
    ]
    content = dict(images=images, annotations=annotations, categories=categories)
    (folder / 'gt.json').write_text(json.dumps(content))
    return samples


def run_metric(kind: str, folder: Path, samples: list[dict], **options: object) -> dict:
    """Evaluate predictions in memory by a registered metric."""
    metric = METRICS.build(
        dict(type=kind, ann_file=str(folder / 'gt.json'), seg_prefix=str(folder / 'gt'), **options)
    )
    metric.dataset_meta = CocoPanopticDataset.METAINFO
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def run_panopticapi(folder: Path) -> dict:
    """Evaluate predictions on disk, as panopticapi's ``pq_compute_single_core`` does."""
    truth = json.loads((folder / 'gt.json').read_text())
    predicted = json.loads((folder / 'pred.panoptic.json').read_text())['annotations']
    by_image = {annotation['image_id']: annotation for annotation in predicted}
    pairs = [(a, by_image[a['image_id']]) for a in truth['annotations']]
    categories = {category['id']: category for category in truth['categories']}
    stat = pq_compute_single_core(
        0, pairs, str(folder / 'gt'), str(folder / 'pred.panoptic'), categories
    )
    groups = dict(All=None, Things=True, Stuff=False)
    return parse_pq_results(
        {name: stat.pq_average(categories, isthing=kind)[0] for name, kind in groups.items()}
    )


def timed(work: Callable[[], dict]) -> tuple[dict, float, float]:
    """Return figures without their prefix, seconds on the clock and seconds of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        found = work()
    seconds = time.perf_counter() - clock, time.process_time() - processor
    return {name.rpartition('/')[2]: value for name, value in found.items()}, *seconds


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=600, help='number of images, 600 by default')
    args = parser.parse_args()
    if args.images < 1:
        parser.error(f'--images must be at least 1, but is {args.images}')
    return args


def main() -> None:
    """Print a table of seconds and ratios."""
    args = parse_args()
    MMLogger.get_instance('benchmark', log_level='ERROR')
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        samples = make_data(folder, args.images)
        run_metric(
            'KMaXPanopticMetric',
            folder,
            samples,
            format_only=True,
            outfile_prefix=str(folder / 'pred'),
        )
        results = {
            'KMaXPanopticMetric': timed(lambda: run_metric('KMaXPanopticMetric', folder, samples)),
            'panopticapi, 1 core': timed(lambda: run_panopticapi(folder)),
            # Last, as it changes the predictions.
            'CocoPanopticMetric': timed(lambda: run_metric('CocoPanopticMetric', folder, samples)),
        }
    report(results, args.images)


def report(results: dict[str, tuple[dict, float, float]], images: int) -> None:
    """Print the table; leave with an error where figures differ."""
    figures, seconds, _ = results['KMaXPanopticMetric']
    cores = os.cpu_count()
    print(f'{images} images of {WIDTH}x{HEIGHT}, {cores} cores, PQ {figures["PQ"]:.3f}')
    print(f'{"":22}{"s":>8}{"cpu s":>8}{"ms/image":>10}{"ours faster":>13}{"difference":>13}')
    worst = 0.0
    for name, (found, clock, processor) in results.items():
        difference = max(abs(found[key] - value) for key, value in figures.items())
        worst = max(worst, difference)
        print(
            f'{name:22}{clock:8.2f}{processor:8.2f}{1000 * clock / images:10.2f}'
            f'{clock / seconds:12.2f}x{difference:13.1e}'
        )
    if worst > TOLERANCE:
        sys.exit(f'the figures differ by {worst}')
