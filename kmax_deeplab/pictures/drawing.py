"""Segments and their names, painted over an image."""

import math
from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ..id_runs import find_runs
from ..panoptic_values import VOID_ID
from .colors import VOID_COLOR, Color, instance_color
from .fonts import load_font
from .segments import Segments

FILL = 0.6
CONTOUR = (255, 255, 255)
SMALLEST_LABELLED = 1e-3
READABLE_SIZE = 512

Box = tuple[float, float, float, float]


def enlarge(image: np.ndarray, size: int = READABLE_SIZE) -> np.ndarray:
    """Enlarge an image by a whole factor until its longer side has ``size`` pixels or more."""
    factor = -(-size // max(image.shape[:2]))
    if factor <= 1:
        return image
    height, width = image.shape[:2]
    size_wh = (width * factor, height * factor)
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR)


def segment_colors(labels: Sequence[int], palette: Sequence[Color]) -> np.ndarray:
    """Return ``(M, 3)`` uint8 colours: that of the class, varied from instance to instance."""
    seen: Counter[int] = Counter()
    colors = []
    for label in labels:
        red, green, blue = (int(channel) for channel in palette[label])
        colors.append(instance_color((red, green, blue), seen[label]))
        seen[label] += 1
    return np.array(colors, dtype=np.uint8).reshape(-1, 3)


def find_contours(ids: np.ndarray, width: int) -> np.ndarray:
    """Return the ``(H, W)`` bool pixels of segments within ``width`` pixels of another id."""
    # OpenCV looks at bytes several times faster, and at whole numbers of 32 bits not at all.
    ids = ids.astype(np.uint8 if ids.max(initial=0) < 256 else np.float32)
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(ids, kernel, iterations=width) == cv2.dilate(ids, kernel, iterations=width)
    return ~inner & (ids > 0)


def paint_segments(
    image: np.ndarray,
    segments: Segments,
    palette: Sequence[Color],
    grey_void: bool = False,
    opacity: float = FILL,
) -> np.ndarray:
    """Blend segments in the colours of their classes over an RGB image of their size ``(H, W, 3)``.

    Their contours are drawn. Void keeps the pixels of the image unless it is to be grey.
    """
    of_void = np.array([VOID_COLOR], np.uint8)
    colors = np.vstack([of_void, segment_colors(segments.labels, palette)])
    painted = cv2.addWeighted(colors[segments.ids], opacity, image, 1 - opacity, 0)
    width = max(1, round(min(image.shape[:2]) / 600))
    painted[find_contours(segments.ids, width)] = CONTOUR
    if not grey_void:
        void = segments.ids == VOID_ID
        painted[void] = image[void]
    return painted


def _find_centre(ids: np.ndarray, number: int, box: Sequence[int]) -> tuple[float, float]:
    """Return the (x, y) nearest to the centroid among those well inside a segment."""
    left, top, width, height = box
    mask = ids[top : top + height, left : left + width] == number
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    centroid = np.argwhere(mask).mean(0)
    inside = np.argwhere(distance >= 0.8 * distance.max())
    y, x = inside[((inside - centroid) ** 2).sum(1).argmin()]
    return float(left + x), float(top + y)


def _overlaps(box: Box, others: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    return any(left < r and x < right and top < b and y < bottom for x, y, r, b in others)


def _place_label(
    centre: tuple[float, float], size: tuple[float, float], shape: tuple[int, int], taken: list[Box]
) -> Box | None:
    """Find room for a label at a centre, else a little above or below it."""
    width, height = size
    left = min(max(centre[0] - width / 2, 0), max(shape[1] - width, 0))
    for shift in (0, -1, 1):
        top = min(max(centre[1] + (shift - 0.5) * height, 0), max(shape[0] - height, 0))
        box = (left, top, left + width, top + height)
        if not _overlaps(box, taken):
            return box
    return None


def write_names(
    image: np.ndarray, segments: Segments, classes: Sequence[str], text_size: int | None = None
) -> np.ndarray:
    """Write the class of each segment inside it, the largest first, where there is room.

    Of segments far smaller than the name only the largest of the class gets one. Names are
    ``text_size`` pixels high, by default in proportion to the image.
    """
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas, 'RGBA')
    # On one line each, whatever they hold.
    classes = [' '.join(name.split()) for name in classes]
    size_of_text = text_size or max(11, round(min(image.shape[:2]) / 30))
    font = load_font(size_of_text, ' '.join(classes))
    line = sum(font.getmetrics())
    areas = np.bincount(segments.ids.ravel(), minlength=len(segments.labels) + 1)[1:]
    found = find_runs(segments.ids).describe()
    taken: list[Box] = []
    named: set[str] = set()
    for index in np.argsort(-areas, kind='stable'):
        if areas[index] < SMALLEST_LABELLED * segments.ids.size:
            break
        name = classes[segments.labels[index]]
        size = (draw.textlength(name, font=font) + 0.5 * line, float(line))
        if not name or name in named and size[0] > 2.5 * math.sqrt(areas[index]):
            continue
        centre = _find_centre(segments.ids, index + 1, found[index + 1]['bbox'])
        box = _place_label(centre, size, segments.ids.shape, taken)
        if box is not None:
            taken.append(box)
            named.add(name)
            draw.rounded_rectangle(box, radius=line // 4, fill=(0, 0, 0, 150))
            draw.text((box[0] + 0.25 * line, box[1]), name, font=font, fill=(255, 255, 255))
    return np.asarray(canvas)


def draw_segments(
    image: np.ndarray,
    segments: Segments,
    classes: Sequence[str],
    palette: Sequence[Color],
    grey_void: bool = False,
) -> np.ndarray:
    """Paint segments over an image and name them; see :func:`paint_segments`."""
    segments = segments.resize(image.shape[:2])
    painted = paint_segments(image, segments, palette, grey_void)
    return write_names(painted, segments, classes)
