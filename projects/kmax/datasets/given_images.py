"""Images that somebody gives to be looked at: places, arrays, PIL images, encoded bytes."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import cv2

from kmax_deeplab.given_images import to_pixels, unreadable
from kmax_deeplab.local_files import check_image

from ..places import check_place


def as_image(value: Any) -> Any:
    """Return a path or URL as a string, and any other image as a BGR array ``(h, w, 3)``.

    Raises:
        TypeError: For what is no image, or an array of another type.
        ValueError: For an array of another shape or range, or bytes that hold no image.
    """
    if isinstance(value, str):
        return check_place(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    return to_pixels(value)


def as_input(value: Any) -> Any:
    """Do as :func:`as_image`; what mmdet's inferencer takes beside it is a dict with an image."""
    if not isinstance(value, dict):
        return as_image(value)
    name = next((name for name in ('img', 'img_path') if name in value), None)
    if name is None:
        raise TypeError(f"a dict of {', '.join(map(repr, value))} is no image: it needs 'img_path'")
    return {**value, name: as_image(value[name])}


def in_chunks(items: Iterable, size: int) -> Iterator[list]:
    """Yield lists of as many items; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def name_of(image: Any) -> Any:
    """Return the place or array of an image that may be a dict."""
    return image.get('img', image.get('img_path')) if isinstance(image, dict) else image


def read(pipeline: Any, image: Any) -> Any:
    """Let a pipeline read an image; an OSError names one that cannot be read."""
    name = name_of(image)
    try:
        if isinstance(name, str):
            check_image(name)
        return pipeline(image)
    # mmcv answers an unreadable file with an assertion, OpenCV an empty one with its own error.
    except (OSError, AssertionError, cv2.error) as error:
        raise unreadable(name, error) from error
