"""Random annotations and predictions of them, of about as many segments as in COCO."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmdet.datasets import CocoPanopticDataset
from mmdet.evaluation.functional import INSTANCE_OFFSET
from numpy.typing import NDArray

from projects.kmax.panoptic.files import write_panoptic_png

HEIGHT, WIDTH = 480, 640
THINGS = CocoPanopticDataset.METAINFO['thing_classes']
CLASSES = CocoPanopticDataset.METAINFO['classes']
POINTS = 64


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
