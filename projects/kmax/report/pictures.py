"""The images of a report: which they are, and how they are drawn."""

import zlib
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from threading import Lock
from typing import Any

import cv2
import mmcv
import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import find_runs
from kmax_deeplab.pictures.colors import Color
from kmax_deeplab.pictures.drawing import draw_segments
from kmax_deeplab.pictures.panels import fit

from ..evaluation.matching import Pairing
from ..html_page import encode_jpeg
from ..inspection.pictures import number_segments
from ..panoptic.field_types import id_order
from .statistics import Statistics

NUM_PICTURES = 6
"""Of the best images, and again of the worst."""
LONGER_SIDE = 480
OPACITY = 0.75


class Verdict(IntEnum):
    """What becomes of a pixel."""

    IGNORED = 0
    RIGHT = 1
    OTHER_SEGMENT = 2
    WRONG_CLASS = 3
    NOTHING = 4


VERDICTS: dict[Verdict, tuple[Color, str]] = {
    Verdict.RIGHT: ((220, 220, 220), 'in a matched segment'),
    Verdict.OTHER_SEGMENT: ((240, 180, 40), 'right class, but not in the matched segment'),
    Verdict.WRONG_CLASS: ((214, 39, 40), 'wrong class'),
    Verdict.NOTHING: ((31, 119, 180), 'nothing predicted'),
    Verdict.IGNORED: ((0, 0, 0), 'not annotated, or crowd'),
}
"""Colour and meaning of each."""


@dataclass(frozen=True)
class Prediction:
    """A predicted map, compressed.

    Attributes:
        shape: ``(H, W)``.
        content: Its values of 32 bits.
    """

    shape: tuple[int, int]
    content: bytes

    @classmethod
    def compress(cls, panoptic: NDArray[np.int32]) -> 'Prediction':
        """Compress a map ``(H, W)``."""
        content = zlib.compress(np.ascontiguousarray(panoptic, np.int32).tobytes(), 1)
        return cls((panoptic.shape[0], panoptic.shape[1]), content)

    def restore(self) -> NDArray[np.int32]:
        """Return the map."""
        return np.frombuffer(zlib.decompress(self.content), np.int32).reshape(self.shape)


@dataclass
class ImageRecord:
    """What is kept of an image.

    Attributes:
        img_id: Its id.
        path: Its file, None where the samples of the data set do not tell.
        statistics: What was counted in it.
        prediction: Kept of those that may be drawn.
    """

    img_id: Any
    path: str | None
    statistics: Statistics
    prediction: Prediction | None = None

    @property
    def rank(self) -> tuple:
        """Key that sorts images from the worst to the best, all of them different."""
        return self.statistics.pq, *id_order(self.img_id)


class Extremes:
    """Keeps the predictions of the best and the worst images alone; used by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._worst: list[ImageRecord] = []
        self._best: list[ImageRecord] = []

    def offer(self, record: ImageRecord, panoptic: NDArray[np.int32]) -> None:
        """Let a record keep its prediction ``(H, W)`` if it is among them so far.

        One that is no longer among them loses it.
        """
        if not record.statistics.quality:
            return  # There is nothing in the image.
        with self._lock:
            for kept, place in ((self._worst, -1), (self._best, 0)):
                insort(kept, record, key=lambda each: each.rank)
                if len(kept) > NUM_PICTURES:
                    self._drop(kept.pop(place))
            if self._holds(record):
                record.prediction = Prediction.compress(panoptic)

    def _holds(self, record: ImageRecord) -> bool:
        return any(each is record for each in (*self._worst, *self._best))

    def _drop(self, record: ImageRecord) -> None:
        if not self._holds(record):
            record.prediction = None


def choose_extremes(
    records: Mapping[Any, ImageRecord],
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Return the worst images and the best, each group from its extreme on, none in both."""
    ranked = sorted((r for r in records.values() if r.prediction), key=lambda each: each.rank)
    worst = ranked[: min(NUM_PICTURES, len(ranked) // 2)]
    best = ranked[len(worst) :][-NUM_PICTURES:]
    return worst, best[::-1]


def draw_panels(
    record: ImageRecord,
    pred: NDArray[np.int32],
    gt_ids: NDArray[np.integer],
    pairing: Pairing,
    classes: dict[int, tuple[str, Color]],
) -> dict[str, bytes]:
    """Draw an image, its truth, its prediction and its errors; return JPEGs by their titles.

    Args:
        record: The image. It is white where its file is unknown.
        pred: Predicted ids ``(H, W)``.
        gt_ids: Annotated ids ``(H, W)``.
        pairing: Which of them match.
        classes: Name and colour of each category.
    """
    label_of = {category: label for label, category in enumerate(classes)}
    names, palette = zip(*classes.values(), strict=True)
    image = _read_image(record.path, pred.shape)
    truth = number_segments(gt_ids, pairing.gt_segments.values(), label_of)
    known = [dict(id=p, category_id=c) for p, c in pairing.pred_categories.items()]
    found = number_segments(pred, known, label_of)
    verdicts = judge_pixels(gt_ids, pred, pairing)
    panels = {
        'image': image,
        'truth': draw_segments(image, truth, names, palette, grey_void=True),
        'prediction': draw_segments(image, found, names, palette, grey_void=True),
        'errors': _paint_verdicts(image, verdicts),
    }
    return {title: encode_jpeg(panel) for title, panel in panels.items()}


def judge_pixels(
    gt_ids: NDArray[np.integer], pred: NDArray[np.integer], pairing: Pairing
) -> NDArray[np.uint8]:
    """Return the :class:`Verdict` on each pixel, ``(H, W)``."""
    gt_runs, pred_runs = find_runs(gt_ids), find_runs(pred)
    matched = {(gt_id, pred_id) for gt_id, pred_id, _ in pairing.matches}
    table = np.zeros((len(gt_runs.ids), len(pred_runs.ids)), np.uint8)
    for row, gt_id in enumerate(gt_runs.ids.tolist()):
        segment = pairing.gt_segments.get(gt_id)
        if segment is None or segment.get('iscrowd', 0) == 1:
            continue
        for column, pred_id in enumerate(pred_runs.ids.tolist()):
            category = pairing.pred_categories.get(pred_id)
            if category is None:
                table[row, column] = Verdict.NOTHING
            elif category != segment['category_id']:
                table[row, column] = Verdict.WRONG_CLASS
            else:
                is_right = (gt_id, pred_id) in matched
                table[row, column] = Verdict.RIGHT if is_right else Verdict.OTHER_SEGMENT
    rows, columns = (
        runs.replace_ids(np.arange(len(runs.ids), dtype=np.int32)) for runs in (gt_runs, pred_runs)
    )
    return table[rows, columns]


def _read_image(path: str | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an RGB image of ``LONGER_SIDE``, in the proportions of its prediction."""
    image = np.full((*shape, 3), 255, np.uint8)
    if path is not None:
        image = mmcv.imread(path, channel_order='rgb')
    return fit(image, LONGER_SIDE)


def _paint_verdicts(image: NDArray[np.uint8], verdicts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (image.shape[1], image.shape[0])
    fitted = cv2.resize(verdicts, size, interpolation=cv2.INTER_NEAREST)
    colors = np.array([VERDICTS[verdict][0] for verdict in Verdict])[fitted]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return np.rint(OPACITY * colors + (1 - OPACITY) * grey).astype(np.uint8)
