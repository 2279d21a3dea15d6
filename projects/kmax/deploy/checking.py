"""Compares an exported file with the model it was made of, pixel by pixel."""

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.structures import DetDataSample
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.exported.engines import Arrays, open_engine
from kmax_deeplab.exported.levels import split_levels

from ..apis import KMaXInferencer
from ..models import KMaXDeepLab

LEAST_EQUAL = 0.9999
"""Share of equal pixels below which a file in float32 is not what it was made of."""


@dataclass(frozen=True)
class PaddedImage:
    """An input of the network.

    Attributes:
        pixels: ``(1, H, W, 3)``, RGB, in float32 where levels may be fractions, else in uint8.
        content: Rows and columns that show the image.
        name: What messages call it.
    """

    pixels: NDArray[Any]
    content: tuple[int, int]
    name: str

    @classmethod
    def pad(
        cls, image: NDArray, size: Sequence[int], name: str, fractions: bool = False
    ) -> 'PaddedImage':
        """Pad an RGB image ``(h, w, 3)`` to ``size``, rounded unless levels may be fractions.

        Raises:
            ValueError: If the image is larger; names it.
        """
        height, width = image.shape[:2]
        if height > size[0] or width > size[1]:
            raise ValueError(
                f'{name} is {height}x{width} (height x width) as the test pipeline makes it, more '
                f'than the input of {size[0]}x{size[1]}: give --size'
            )
        pixels = np.zeros((1, *size, 3), np.float32 if fractions else np.uint8)
        pixels[0, :height, :width] = image if fractions else np.rint(image)
        return cls(pixels, (height, width), name)

    @classmethod
    def prepare(
        cls, inferencer: KMaXInferencer, path: str, size: Sequence[int], fractions: bool = True
    ) -> 'PaddedImage':
        """Pad the image of a file as the test pipeline of an inferencer makes it."""
        pixels = inferencer.prepare(path)['inputs'].numpy()
        return cls.pad(pixels.transpose(1, 2, 0)[..., ::-1], size, path, fractions)

    @property
    def inputs(self) -> Arrays:
        """What a file takes."""
        return dict(split_levels(self.pixels), content=np.array(self.content, np.int64))


@dataclass
class Comparison:
    """What an engine made of images, beside PyTorch.

    Attributes:
        engine: Its name.
        equal: Of each image the share of pixels that are equal.
        segments: Of each image how many segments PyTorch finds.
        same_segments: On how many images the values that occur are the same.
        renumbered: On how many images instances have the numbers of others.
        seconds: Of each image.
        eager_seconds: Of each image in PyTorch.
    """

    engine: str
    equal: list[float] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    same_segments: int = 0
    renumbered: int = 0
    seconds: list[float] = field(default_factory=list)
    eager_seconds: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Mean share of equal pixels."""
        return float(np.mean(self.equal))

    def add(self, found: NDArray, expected: NDArray, void: int) -> None:
        """Compare the maps ``(h, w)`` of one image, however instances are numbered."""
        given, found = found, number_alike(found, expected)
        self.renumbered += not np.array_equal(found, given)
        self.equal.append(float((found == expected).mean()))
        values = set(np.unique(expected).tolist())
        self.segments.append(len(values - {void}))
        self.same_segments += values == set(np.unique(found).tolist())


def number_alike(found: NDArray, expected: NDArray) -> NDArray:
    """Give the segments of a map ``(h, w)`` the values of those that they overlap most.

    Queries of nearly the same score change places by rounding, and their segments numbers. Only
    segments of one class are taken for the same, and those that overlap each other most.

    >>> found, expected = np.array([[3001, 3001, 2001]]), np.array([[2001, 2001, 3001]])
    >>> number_alike(found, expected).tolist()
    [[2001, 2001, 3001]]
    """
    values, places = np.unique(np.stack([found, expected]), return_inverse=True)
    count = len(values)
    ours, theirs = places.reshape(2, -1)
    shared = np.bincount(ours * count + theirs, minlength=count**2).reshape(count, count)
    shared[values[:, None] % INSTANCE_OFFSET != values % INSTANCE_OFFSET] = 0
    best = shared.argmax(1)
    mutual = (shared.argmax(0)[best] == np.arange(count)) & (shared.max(1) > 0)
    return np.where(mutual, values[best], values)[ours].reshape(found.shape)


def compare(
    content: bytes, detector: KMaXDeepLab, images: Iterable[PaddedImage], engines: Sequence[str]
) -> list[Comparison]:
    """Run a file in some engines, and the model it was made of, on the same images.

    Args:
        content: The bytes of the file.
        detector: The model.
        images: Of the file's size.
        engines: Names of installed ones.
    """
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix='kmax-export-') as folder:
        path = Path(folder, 'model.onnx')
        write_atomically(path, content)
        runs = {name: open_engine(path, name, 'cpu', threads) for name in engines}
    comparisons = {name: Comparison(name) for name in engines}
    void = detector.panoptic_head.num_classes
    for image in images:
        started = time.perf_counter()
        expected = expect(detector, image)
        eager_seconds = time.perf_counter() - started
        for name, run in runs.items():
            started = time.perf_counter()
            outputs = run.run(image.inputs)
            comparison = comparisons[name]
            comparison.seconds.append(time.perf_counter() - started)
            comparison.eager_seconds.append(eager_seconds)
            comparison.add(_map_of(outputs, detector, image), expected, void)
    return list(comparisons.values())


def expect(detector: KMaXDeepLab, image: PaddedImage) -> NDArray[np.int32]:
    """Return the panoptic map ``(h, w)`` that PyTorch makes of an input, at its own size."""
    height, width = image.content
    bgr = np.ascontiguousarray(image.pixels[0, :height, :width, ::-1].transpose(2, 0, 1))
    data = dict(inputs=[torch.from_numpy(bgr)], data_samples=[_sample(image)])
    with torch.no_grad():
        return detector.test_step(data)[0].pred_panoptic_seg.sem_seg[0].numpy()


def _map_of(outputs: Arrays, detector: KMaXDeepLab, image: PaddedImage) -> NDArray:
    height, width = image.content
    if 'panoptic' in outputs:
        return outputs['panoptic'][:height, :width]
    logits = (torch.from_numpy(outputs[name]) for name in ('cls_logits', 'mask_logits'))
    sample = _sample(image)
    sample.set_metainfo(dict(batch_input_shape=image.pixels.shape[1:3]))
    found = detector.panoptic_fusion_head.predict(*logits, [sample])
    return found[0]['pan_results'].sem_seg[0].numpy()


def _sample(image: PaddedImage) -> DetDataSample:
    sizes = dict(img_shape=image.content, ori_shape=image.content)
    return DetDataSample(metainfo=dict(sizes, img_path=image.name))
