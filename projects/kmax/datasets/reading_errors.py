"""Errors of image readers, with the name of the image."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from kmax_deeplab.local_files import check_image


@contextmanager
def naming_image(record: dict, ann_file: str) -> Iterator[None]:
    """Let errors of reading an image name it, by ``img_id`` and ``img_path``, and its ``ann_file``.

    A missing image is a FileNotFoundError, one that cannot be read, or is none to read, an OSError.
    """
    described = f'image {record["img_id"]} ({record["img_path"]}) of {ann_file}'
    try:
        check_image(record['img_path'])
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{described}: {error}') from error
    # mmcv's loader answers an unreadable image with an assertion, OpenCV an empty one with its own
    # error.
    except (OSError, AssertionError, cv2.error) as error:
        raise OSError(f'{described}: {error}') from error
