"""The steps of a training pipeline written plainly, with Pillow and full-size colour PNGs.

What is random is drawn by the methods of the transforms themselves, so that equal seeds give the
same sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from kmax_deeplab.resampling import nearest_index
from projects.kmax.datasets.transforms.copy_paste import merge_rows
from projects.kmax.datasets.transforms.pad_crop import MID_GREY

BILINEAR = Image.Resampling.BILINEAR
SOURCE_OFFSET = 256**3
"""Added to the ids of a pasted image, which then differ from those of the first."""

Bands = list[Image.Image]


@dataclass
class Sample:
    """A sample on its way through the plain steps.

    Attributes:
        image: RGB: an image, or a float band per channel, or a float array once padded.
        colors: ``(H, W, 3)`` colours of the panoptic PNG.
        rows: Row of each id: 0 for crowd, otherwise k for ``labels[k - 1]``.
        labels: Class of each row.
        ids: ``(H, W)`` ids, once pasted.
    """

    image: Any
    colors: np.ndarray
    rows: dict[int, int]
    labels: np.ndarray
    ids: np.ndarray | None = None


class PlainPipeline:
    """The pipeline of a data set, step by step, in plain code; ``timed`` calls every step.

    ``exact`` resizes in floating point with aligned corners, as the original. Otherwise Pillow
    resizes images of 8 bits, which is faster and gives other values.
    """

    def __init__(self, dataset: Any, exact: bool, timed: Callable[[str, Callable], Any]) -> None:
        self.dataset = dataset
        self.exact = exact
        self.timed = timed

    def run(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the ``(3, H, W)`` RGB image, the ``(H, W)`` id map and each id's class, from 1."""
        return self._run_steps(self.dataset.pipeline.transforms, index, '')

    def unknown_steps(self) -> list[str]:
        """Return the transforms that have no plain counterpart."""
        names = [type(step).__name__ for step in self.dataset.pipeline.transforms]
        return [name for name in names if not hasattr(self, f'_{name}')]

    def _run_steps(self, transforms: list, index: int, prefix: str) -> Any:
        record = self.dataset.get_data_info(index)
        sample = None
        for transform in transforms:
            name = type(transform).__name__
            step = getattr(self, f'_{name}')
            sample = self.timed(prefix + name, lambda: step(transform, sample, record))  # noqa: B023
        return sample

    def _LoadImageFromFile(self, transform: Any, sample: None, record: dict) -> Image.Image:
        return Image.open(record['img_path']).convert('RGB')

    def _LoadPanopticIds(self, transform: Any, image: Image.Image, record: dict) -> Sample:
        colors = np.asarray(Image.open(record['seg_map_path']))
        rows = dict(zip(record['segment_ids'], record['segment_rows'], strict=True))
        return Sample(image, colors, rows, np.array(record['segment_labels'], np.int64))

    def _KMaXResize(self, transform: Any, sample: Sample, record: dict) -> Sample:
        return self._resize(sample, *transform.target_size(*sample.colors.shape[:2]))

    def _KMaXRandomScale(self, transform: Any, sample: Sample, record: dict) -> Sample:
        scale = transform._draw_scale()
        return self._resize(sample, *(int(np.float32(n) * scale) for n in sample.colors.shape[:2]))

    def _resize(self, sample: Sample, height: int, width: int) -> Sample:
        old_height, old_width = sample.colors.shape[:2]
        if (height, width) == (old_height, old_width):
            return sample
        sample.image = (resize_exactly if self.exact else resize_8_bit)(sample.image, height, width)
        rows, columns = nearest_index(old_height, height), nearest_index(old_width, width)
        sample.colors = sample.colors.take(rows, axis=0).take(columns, axis=1)
        return sample

    def _KMaXAutoAugment(self, transform: Any, sample: Sample, record: dict) -> Sample:
        image = sample.image
        if not isinstance(image, Image.Image):
            image = Image.fromarray(np.stack(image, axis=-1).astype(np.uint8))
        for name, *arguments in transform._draw_operations():
            image = OPERATIONS[name](image, *arguments)
        sample.image = image
        return sample

    def _KMaXRandomPadCrop(self, transform: Any, sample: Sample, record: dict) -> Sample:
        source, target = transform._draw_windows(sample.colors.shape[:2])
        image = np.full((*transform.crop_size, 3), MID_GREY, np.float32)
        image[target] = np.asarray(sample.image)[source]
        colors = np.zeros((*transform.crop_size, 3), np.uint8)
        colors[target] = sample.colors[source]
        sample.image, sample.colors = image, colors
        return sample

    def _RandomFlip(self, transform: Any, sample: Sample, record: dict) -> Sample:
        if transform._choose_direction() is not None:
            sample.image, sample.colors = sample.image[:, ::-1], sample.colors[:, ::-1]
        return sample

    def _KMaXPanopticCopyPaste(self, transform: Any, sample: Sample, record: dict) -> Sample:
        index = transform._draw_index(len(self.dataset))
        source = self._run_steps(transform.source_pipeline.transforms, index, 'pasted ')
        source.ids, sample.ids = rgb2id(source.colors), rgb2id(sample.colors)
        void = ~np.isin(source.ids, [i for i, row in source.rows.items() if row])
        seen = {source.rows[i] for i in np.unique(source.ids[~void]).tolist()}
        if (source.image[void] != MID_GREY).any():
            seen.add(0)
        drawn = transform._draw_subset(sorted(seen))
        is_thing = source.labels < len(self.dataset.metainfo['thing_classes'])
        pasted = [k for k, thing in enumerate(is_thing, start=1) if thing or k in drawn]
        rows, sample.labels = merge_rows(sample.labels, source.labels, pasted, is_thing)
        for identity, row in source.rows.items():
            if rows[row]:
                mask = source.ids == identity
                sample.image[mask] = source.image[mask]
                sample.ids[mask] = identity + SOURCE_OFFSET
                sample.rows[identity + SOURCE_OFFSET] = int(rows[row])
        return sample

    def _PackKMaXInputs(self, transform: Any, sample: Sample, record: dict) -> tuple:
        ids = np.zeros(sample.ids.shape, np.int16)
        for identity, row in sample.rows.items():
            ids[sample.ids == identity] = row
        seen = [row for row in np.unique(ids).tolist() if row]
        packed = np.zeros_like(ids)
        for new, row in enumerate(seen, start=1):
            packed[ids == row] = new
        image = np.ascontiguousarray(sample.image.transpose(2, 0, 1))
        return image, packed, sample.labels[np.array(seen, int) - 1]


def rgb2id(colors: np.ndarray) -> np.ndarray:
    """Return the ids of panopticapi's colours."""
    values = colors.astype(np.int32)
    return values[..., 0] + 256 * values[..., 1] + 256**2 * values[..., 2]


def resize_8_bit(image: Image.Image, height: int, width: int) -> Image.Image:
    """Resize as Pillow does by itself."""
    return image.resize((width, height), BILINEAR)


def resize_exactly(image: Image.Image | Bands, height: int, width: int) -> Bands:
    """Resize in floating point with aligned corners, by the faster of Pillow's two ways."""
    bands = [b.convert('F') for b in image.split()] if isinstance(image, Image.Image) else image
    step_x = (bands[0].width - 1) / max(width - 1, 1)
    step_y = (bands[0].height - 1) / max(height - 1, 1)
    x, y = 0.5 - 0.5 * step_x, 0.5 - 0.5 * step_y
    if max(step_x, step_y) <= 1:
        box = (x, y, x + width * step_x, y + height * step_y)
        return [band.resize((width, height), BILINEAR, box=box) for band in bands]
    # Resizing to less would low-pass filter.
    matrix = (step_x, 0, x, 0, step_y, y)
    affine = Image.Transform.AFFINE
    return [band.transform((width, height), affine, matrix, BILINEAR) for band in bands]


def _contrast(image: Image.Image, factor: float) -> Image.Image:
    mean = int(min(image.width * image.height / 256, 255))
    return Image.blend(Image.new('RGB', image.size, (mean,) * 3), image, factor)


OPERATIONS: dict[str, Callable[..., Image.Image]] = {
    'sharpness': lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor),
    'brightness': lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    'contrast': _contrast,
    'color': lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    'solarize': ImageOps.solarize,
    'equalize': ImageOps.equalize,
}
