"""What the figures have in common: size, paint, hatched void, files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.pictures.drawing import find_contours
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit

Picture = NDArray[np.uint8]

WIDTH = 1120
"""Pixels of a figure's width; captions are to be read at 800."""
TEXT = 17
INK = (30, 30, 30)
PAPER = (255, 255, 255)
QUALITY = 80


def panel_width(columns: int) -> int:
    """Return the width of panels of which so many stand in a row."""
    return WIDTH // columns - 14


def backdrop(image: Picture, width: int, strength: float = 0.35) -> Picture:
    """Return an image in pale grey, ``width`` wide, to paint on."""
    grey = cv2.cvtColor(enlarge(image, width), cv2.COLOR_RGB2GRAY)[..., None]
    return np.repeat(np.rint(255 - strength * (255.0 - grey)), 3, axis=2).astype(np.uint8)


def enlarge(image: Picture, width: int) -> Picture:
    """Bring an image to a width."""
    return fit(image, max(width, round(width * image.shape[0] / image.shape[1])))


def stretch(grid: NDArray[Any], like: Picture) -> NDArray[Any]:
    """Bring a map ``(H, W)`` to the size of a picture, each pixel by its nearest."""
    kind = np.float32 if grid.dtype.kind == 'f' else np.int32
    size = (like.shape[1], like.shape[0])
    return cv2.resize(grid.astype(kind), size, interpolation=cv2.INTER_NEAREST)


def paint(picture: Picture, mask: NDArray[np.bool_], color: Sequence[int], fill: float) -> None:
    """Blend a colour over the pixels of a mask ``(H, W)``, in place; both have one size."""
    blended = fill * np.array(color, float) + (1 - fill) * picture[mask]
    picture[mask] = np.rint(blended).astype(np.uint8)


def heat(values: NDArray[np.floating], color: Sequence[int]) -> Picture:
    """Draw values from 0, white, over the colour in the middle to 1, a dark shade of it."""
    middle = np.array(color, float)
    stops = np.array([PAPER, 0.45 * 255 + 0.55 * middle, middle, 0.45 * middle])
    at = np.clip(values, 0, 1)
    channels = [np.interp(at, [0, 0.35, 0.75, 1], stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, -1)).astype(np.uint8)


def outline(picture: Picture, mask: NDArray[np.bool_], color: Sequence[int] = INK) -> None:
    """Draw the contour of a mask ``(H, W)`` of the picture's size, in place, on a white rim."""
    ids = np.pad(mask, 1).astype(np.int32)
    inner, rim = (find_contours(ids, width)[1:-1, 1:-1] for width in (2, 3))
    picture[rim & mask] = PAPER
    picture[inner & mask] = color


def frame(picture: Picture) -> None:
    """Draw a thin grey edge around a picture, in place: a pale one would have none on the page."""
    picture[[0, -1]] = picture[:, [0, -1]] = (190, 190, 190)


def hatch(picture: Picture, void: NDArray[np.bool_]) -> None:
    """Draw void ``(H, W)``, of the picture's size, in place: hatched, as nothing else is."""
    rows, columns = np.indices(void.shape)
    lines = (rows + columns) % 11 < 4
    picture[void] = (238, 238, 238)
    picture[void & lines] = (120, 120, 120)


def sheet(panels: Sequence[Panel], columns: int, is_stacked: bool = True) -> Picture:
    """Set panels in rows with captions that can be read at 800 pixels of width."""
    return compose_sheet(panels, columns, TEXT, is_stacked)


def write_picture(path: Path, picture: Picture, quality: int = QUALITY) -> None:
    """Write a JPEG or PNG, by its ending."""
    if path.suffix == '.jpg':
        sharp = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [
            *(cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sharp),
        ]
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    _, content = cv2.imencode(path.suffix, np.ascontiguousarray(picture[..., ::-1]), options)
    write_atomically(path, content.tobytes())
