"""Videos, of which each frame is predicted by itself."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kmax_deeplab.atomic_file import write_staged
from kmax_deeplab.local_files import check_regular

from ..parallel import Progress
from .segmenter import Segmenter

SUFFIXES = ('.mp4', '.m4v', '.mov', '.avi', '.mkv', '.webm')
CODEC = 'mp4v'
DEFAULT_RATE = 25.0
"""Frames per second of a video that does not tell."""


def predict_video(
    inferencer: Segmenter,
    place: str,
    file: Path,
    progress: Progress,
    begin: Callable[[], None],
) -> tuple[int, int]:
    """Write a video with the segments painted over each frame; colours may change between frames.

    Args:
        inferencer: Finds the segments.
        place: The video.
        file: The MP4 to write, which appears whole or not at all.
        progress: Shows the progress of an iterable with a title and a length.
        begin: Called once there is something to write.

    Returns:
        How many frames were read, and how many the file promises.

    Raises:
        OSError: If the video holds no frame that can be read, or none can be written.
    """
    with _reading(place) as (first, rate, count, frames), write_staged(file) as temporary:
        begin()
        size = first.shape[1], first.shape[0]
        writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*CODEC), rate, size)
        try:
            if not writer.isOpened():
                raise OSError(f'{file} cannot be written: this OpenCV encodes no {CODEC}')
            written = 0
            for frame in progress(frames, Path(place).name, count):
                painted = inferencer(frame, channel_order='bgr').plot(readable=False)
                writer.write(np.ascontiguousarray(painted[..., ::-1]))
                written += 1
        finally:
            writer.release()
    return written, count


@contextmanager
def _reading(place: str) -> Iterator[tuple[Any, float, int, Iterator[Any]]]:
    """Give the first frame, frames per second, how many there seem to be, and all frames."""
    check_regular(place)
    if not os.path.exists(place):
        raise FileNotFoundError(f'video {place} does not exist: videos are files of this machine')
    capture = cv2.VideoCapture(place)
    try:
        found, first = capture.read()
        if not found:
            raise OSError(f'video {place} holds no frame that can be read')
        rate = capture.get(cv2.CAP_PROP_FPS)
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        rate = rate if 0 < rate < 1000 else DEFAULT_RATE
        yield first, rate, max(1, count), _frames(capture, first)
    finally:
        capture.release()


def _frames(capture: Any, first: Any) -> Iterator[Any]:
    frame, found = first, True
    while found:
        yield frame
        found, frame = capture.read()
