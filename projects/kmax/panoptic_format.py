"""Files of the COCO panoptic format: JSON annotations and PNGs whose colours are segment ids."""

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.fileio import get, get_text
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically

from .faults import Fault, FaultKind, refuse
from .field_types import ANNOTATION_TYPES, SEGMENT_TYPES, find_wrong_types, usable_id

VOID = 0
"""Id of pixels without a segment."""

MAX_ID = 256**3 - 1
"""Largest id a panoptic PNG can hold."""

ANNOTATION_FIELDS = ('image_id', 'file_name', 'segments_info')
SEGMENT_FIELDS = ('id', 'category_id')
COMPARED_FIELDS = (*SEGMENT_FIELDS, 'area')
"""Fields of segments that predictions are compared with."""


def read_panoptic_json(
    path: str | Path, fields: Collection[str], backend_args: dict | None = None
) -> dict[str, Any]:
    """Read a JSON that must hold the given fields.

    Args:
        path: The file.
        fields: Names the JSON object must have.
        backend_args: Arguments of mmengine's file backend.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it is no JSON object with these fields.
    """
    try:
        content = json.loads(get_text(path, backend_args=backend_args))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'panoptic JSON {path} does not exist') from error
    except ValueError as error:
        raise ValueError(f'panoptic JSON {path} is not valid JSON: {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'panoptic JSON {path} must hold an object with the fields {list(fields)}')
    missing = [field for field in fields if field not in content]
    if missing:
        raise ValueError(f'panoptic JSON {path} lacks the fields {missing}')
    for field in ('images', 'categories'):
        if not isinstance(content.get(field, []), list):
            raise ValueError(f'the "{field}" of panoptic JSON {path} must be a list of objects')
    if not all(isinstance(category, dict) for category in content.get('categories', [])):
        raise ValueError(f'the "categories" of panoptic JSON {path} must be a list of objects')
    _check_task(content.get('annotations', []), path)
    for category in content.get('categories', []):
        # ADE20K's public scripts write "window " with a space.
        if isinstance(category.get('name'), str):
            category['name'] = category['name'].strip()
    return content


def _check_task(annotations: Any, path: str | Path) -> None:
    """Refuse the annotations of instances, key points or captions."""
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise ValueError(f'{path} is no panoptic JSON: its "annotations" must be a list of objects')
    first = annotations[0] if annotations else {}
    for field in ('segmentation', 'caption'):
        if field in first and 'segments_info' not in first:
            raise ValueError(
                f'{path} is no panoptic JSON: its annotations have "{field}" instead of '
                '"segments_info"; give the panoptic one, such as panoptic_train2017.json'
            )


def index_annotations(annotations: Iterable[dict], path: str | Path) -> dict[int, dict]:
    """Return the annotation of each image id.

    Args:
        annotations: The JSON's annotations.
        path: Name of the JSON, for error messages.

    Raises:
        ValueError: When an annotation lacks a field, a field has a wrong type or an image has two.
    """
    annotations = list(annotations)
    refuse(find_annotation_faults(annotations, path))
    return {annotation['image_id']: annotation for annotation in annotations}


def find_annotation_faults(annotations: Iterable[dict], path: str | Path) -> Iterator[Fault]:
    """Yield annotations that lack a field, have a wrong one or are not the first of their image.

    Args:
        annotations: The JSON's annotations.
        path: Name of the JSON, for the messages.
    """
    seen = set()
    for annotation in annotations:
        given = annotation.get('image_id')
        image_id = usable_id(given)
        described = f'the annotation of image {given} in {path}'
        for text in find_wrong_types(annotation, ANNOTATION_TYPES):
            yield Fault(FaultKind.WRONG_TYPE, f'{described} {text}', image_id)
        missing = [field for field in ANNOTATION_FIELDS if field not in annotation]
        if missing:
            yield Fault(FaultKind.MISSING_FIELD, f'{described} lacks {missing}', image_id)
        if image_id in seen:
            message = f'image {image_id} of {path} has two annotations'
            yield Fault(FaultKind.DUPLICATE_ANNOTATION, message, image_id)
        if image_id is not None:
            seen.add(image_id)


def check_segments(
    annotation: dict,
    categories: Collection[int],
    path: str | Path,
    fields: Collection[str] = SEGMENT_FIELDS,
) -> None:
    """Refuse segments that no reader could make sense of.

    Args:
        annotation: Annotation of one image.
        categories: Ids of the categories that exist.
        path: Name of the JSON, for error messages.
        fields: Fields every segment must have.

    Raises:
        ValueError: When a field is missing or of a wrong type, a category is unknown, or an id is
            void's, too large or not unique.
    """
    refuse(find_segment_faults(annotation, categories, path, fields))


def find_segment_faults(
    annotation: dict,
    categories: Collection[int],
    path: str | Path,
    fields: Collection[str] = SEGMENT_FIELDS,
) -> Iterator[Fault]:
    """Yield what :func:`check_segments` refuses, with the same arguments."""
    seen: set[int] = set()
    image_id = annotation['image_id']
    for number, segment in enumerate(annotation['segments_info']):
        for kind, text in _segment_faults(segment, seen, categories, fields):
            image = f'image {image_id} ({annotation["file_name"]})'
            name = segment.get('id') if isinstance(segment, dict) else f'number {number}'
            yield Fault(kind, f'segment {name} of {image} in {path} {text}', image_id)


def _segment_faults(
    segment: dict, seen: set[int], categories: Collection[int], fields: Collection[str]
) -> Iterator[tuple[FaultKind, str]]:
    wrong = list(find_wrong_types(segment, SEGMENT_TYPES))
    for text in wrong:
        yield FaultKind.WRONG_TYPE, text
    if wrong:
        return
    missing = [field for field in fields if field not in segment]
    if missing:
        yield FaultKind.MISSING_FIELD, f'lacks the fields {missing}'
    category = segment.get('category_id')
    if category is not None and category not in categories:
        known = f'known are {sorted(categories)}'
        yield FaultKind.UNKNOWN_CATEGORY, f'has the unknown category {category}; {known}'
    segment_id = segment.get('id')
    if segment_id is None:
        return
    if not VOID < segment_id <= MAX_ID:
        bounds = f'between {VOID + 1} and {MAX_ID}: {VOID} is void'
        yield FaultKind.BAD_ID, f'must have an id {bounds}'
    elif segment_id in seen:
        yield FaultKind.DUPLICATE_ID, 'shares its id with another'
    seen.add(segment_id)


def check_ids(present: Iterable[int], listed: Iterable[int], png: str | Path, image: str) -> None:
    """Refuse a PNG whose ids are not those of its segments.

    Args:
        present: Ids of the PNG.
        listed: Ids of the ``segments_info``.
        png: Name of the PNG, for error messages.
        image: Name of the image and the JSON, likewise.

    Raises:
        ValueError: When an id occurs on one side only.
    """
    refuse(find_id_faults(present, listed, png, image))


def find_id_faults(
    present: Iterable[int],
    listed: Iterable[int],
    png: str | Path,
    image: str,
    image_id: int | str | None = None,
) -> Iterator[Fault]:
    """Yield what :func:`check_ids` refuses, with the same arguments, for image ``image_id``."""
    present, listed = set(present), set(listed)
    for value in sorted(present - listed - {VOID}):
        yield Fault(
            FaultKind.ID_NOT_IN_JSON,
            f'panoptic PNG {png} holds id {value}, which is not among the segments_info of {image}',
            image_id,
        )
    for value in sorted(listed - present):
        yield Fault(
            FaultKind.ID_NOT_IN_PNG,
            f'panoptic PNG {png} has no pixel of id {value}, which is among the segments_info of '
            f'{image}',
            image_id,
        )


def read_panoptic_png(
    path: str | Path, image: str, backend_args: dict | None = None
) -> NDArray[np.uint32]:
    """Read the ids ``R + 256 G + 65536 B`` of a panoptic PNG, ``(H, W)``.

    Args:
        path: The file.
        image: Name of the image, for error messages.
        backend_args: Arguments of mmengine's file backend.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When it cannot be decoded or has not three channels of 8 bits.
    """
    described = f'panoptic PNG {path} of {image}'
    try:
        content = np.frombuffer(get(path, backend_args=backend_args), np.uint8)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{described} does not exist') from error
    colors = cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    if colors is None:
        raise ValueError(f'{described} is truncated or not an image')
    if colors.ndim != 3 or colors.dtype != np.uint8:
        raise ValueError(
            f'{described} must have three channels of 8 bits, but has '
            f'{colors.shape[2] if colors.ndim == 3 else 1} of type {colors.dtype}'
        )
    rgba = cv2.cvtColor(colors[..., :3], cv2.COLOR_BGR2RGBA)
    return rgba.view('<u4')[..., 0] & np.uint32(MAX_ID)


def orientation_hint(ids: tuple[int, ...], image: tuple[int, ...]) -> str:
    """Explain sizes ``(H, W)`` that are exchanged: images are turned as their EXIF tags say."""
    if tuple(ids) == tuple(image) or tuple(ids) != tuple(image)[::-1]:
        return ''
    return (
        '; the image may have an EXIF orientation, which is applied: annotate it as it is shown, '
        "remove the tag or set color_type='color_ignore_orientation' of LoadImageFromFile"
    )


def write_panoptic_png(path: Path, ids: NDArray[np.integer], sync: bool = False) -> None:
    """Write ids ``(H, W)`` up to ``MAX_ID``; the file appears whole or not at all.

    Args:
        path: The file.
        ids: Id of each pixel.
        sync: Whether to wait until it is on the disk.
    """
    colors = np.ascontiguousarray(ids, dtype='<u4').view(np.uint8).reshape(*ids.shape, 4)
    _, encoded = cv2.imencode('.png', cv2.cvtColor(colors, cv2.COLOR_RGBA2BGR))
    write_atomically(path, encoded.tobytes(), sync)


def prediction_ids(panoptic: NDArray[np.integer], kept: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the ids by which predictions are written.

    Args:
        panoptic: ``label + instance * 1000``, of pixels or of segments. It may be 0, which is
            void's id, so that all are written as one more.
        kept: Which of them are segments, not void.
    """
    return np.where(kept, panoptic + 1, VOID)
