"""Annotated images as they are in a data set, faults included."""

from collections.abc import Iterable, Mapping
from typing import Any

import mmcv
import numpy as np
from mmdet.visualization.palette import get_palette

from kmax_deeplab.id_runs import find_runs
from kmax_deeplab.pictures.drawing import draw_segments
from kmax_deeplab.pictures.panels import fit
from kmax_deeplab.pictures.segments import Segments

from ..html_page import encode_jpeg
from ..panoptic.files import read_panoptic_png
from ..void import VOID_ID
from .annotations import Annotations
from .datasets import DatasetReport
from .images import ImageReport

LONGER_SIDE = 480


def choose_images(report: DatasetReport, count: int) -> list[ImageReport]:
    """Return images spread evenly over those that can be read."""
    readable = [image for image in report.images if _is_readable(image)]
    places = np.linspace(0, len(readable) - 1, min(count, len(readable)))
    return [readable[place] for place in places.astype(int)]


def choose_faulty_images(report: DatasetReport, count: int) -> list[ImageReport]:
    """Return the first faulty images that can be read."""
    faulty = {fault.image_id for fault in report.faults} - {None}
    readable = (i for i in report.images if _is_readable(i) and i.record['img_id'] in faulty)
    return [image for image, _ in zip(readable, range(count), strict=False)]


def _is_readable(image: ImageReport) -> bool:
    return image.size is not None and image.void is not None


def draw_image(image: ImageReport, annotations: Annotations) -> bytes:
    """Draw an image that can be read and, on the right, its segments; return a JPEG.

    What is no known segment is grey.
    """
    record = image.record
    ids = read_panoptic_png(record['seg_map_path'], record['img_path'])
    pixels = fit(mmcv.imread(record['img_path'], channel_order='rgb'), LONGER_SIDE)
    classes = annotations.classes or tuple(f'class {n}' for n in annotations.labels.values())
    palette = get_palette(annotations.metainfo.get('palette'), len(classes))
    segments = number_segments(ids, record['segments'], annotations.labels)
    drawn = draw_segments(pixels, segments, classes, palette, grey_void=True)
    return encode_jpeg(np.concatenate([pixels, drawn], axis=1))


def number_segments(
    ids: np.ndarray, infos: Iterable[Mapping[str, Any]], label_of_category: dict[int, int]
) -> Segments:
    """Return the segments of a map of ids ``(H, W)``; crowd and unknown categories are void."""
    labels: list[int] = []
    number_of_id: dict[int, int] = {}
    for info in infos:
        label = label_of_category.get(info.get('category_id', -1))
        if label is not None and not info.get('iscrowd', 0):
            labels.append(label)
            number_of_id[info['id']] = len(labels)
    runs = find_runs(ids)
    numbers = [number_of_id.get(value, VOID_ID) for value in runs.ids.tolist()]
    return Segments(runs.replace_ids(np.array(numbers, np.int32)), labels)
