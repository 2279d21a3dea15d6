"""Procedural panoptic scenes: shaded shapes, told apart by outline, on textured ground.

Colours come from one palette per scene that things, stuff and void share, so neither class nor
instance can be read off a colour. What counts is the outline (things) and the texture (stuff).
"""

import colorsys
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from ..panoptic.segments import measure_segments
from ..void import VOID_ID
from .shapes_textures import OUTLINES, TEXTURES, Array, draw_texture, pixel_grid, smooth_noise

MIN_SIDE = 64
MIN_AREA = 40  # design pixels; what shows less than this is void
DESIGN_AREA = 160 * 128  # lengths below are in pixels of a scene of this area or less
_COLOURS = {
    'disc': (220, 60, 60),
    'box': (60, 120, 220),
    'triangle': (240, 180, 40),
    'star': (170, 70, 200),
    'ring': (30, 180, 160),
    'stripes': (120, 90, 60),
    'checks': (90, 90, 110),
    'dots': (200, 160, 190),
    'bricks': (180, 100, 80),
    'moss': (100, 140, 70),
}
CATEGORIES: list[dict[str, Any]] = [
    dict(
        id=index,
        name=name,
        isthing=int(name in OUTLINES),
        color=list(_COLOURS[name]),
        supercategory='shape' if name in OUTLINES else 'texture',
    )
    for index, name in enumerate([*OUTLINES, *TEXTURES], start=1)
]
_CATEGORY_OF = {category['name']: category for category in CATEGORIES}


@dataclass
class Scene:
    """One drawn image and its panoptic annotation.

    Attributes:
        image: BGR image, uint8 ``(H, W, 3)``.
        ids: panoptic id of every pixel, 0 is void, int32 ``(H, W)``.
        segments_info: COCO panoptic segments, one per id in ``ids``.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.int32]
    segments_info: list[dict[str, Any]]


@dataclass
class _Segment:
    name: str
    is_crowd: bool = False
    centre: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.0
    area: int = 0


@dataclass
class _Canvas:
    """A scene under construction; ``ids`` indexes ``segments`` from one, 0 is void."""

    rng: Generator
    unit: float
    palette: Array
    light: Array
    colour: Array
    ids: NDArray[np.int32]
    segments: list[_Segment] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int]:
        return self.ids.shape[0], self.ids.shape[1]


@dataclass
class _Shape:
    """One shape inside a window of the image; ``x``, ``y`` in radii, ``distance`` in pixels."""

    window: tuple[slice, slice]
    x: Array
    y: Array
    distance: Array
    alpha: Array


def draw_scene(seed: SeedSequence | int, width: int, height: int) -> Scene:
    """Draw the scene that belongs to a seed.

    Args:
        seed: the same seed and size give the same scene.
        width: image width in pixels, at least ``MIN_SIDE``.
        height: image height in pixels, at least ``MIN_SIDE``.

    Raises:
        ValueError: the size is too small.
    """
    if min(width, height) < MIN_SIDE:
        raise ValueError(f'a scene needs at least {MIN_SIDE} pixels a side, got {width}x{height}')
    rng = default_rng(seed)
    canvas = _Canvas(
        rng=rng,
        unit=max(1.0, float(np.sqrt(width * height / DESIGN_AREA))),
        palette=_draw_palette(rng),
        light=np.array([rng.choice([-0.7, 0.7]), 0.7], np.float32),
        colour=np.empty((height, width, 3), np.float32),
        ids=np.zeros((height, width), np.int32),
    )
    _draw_ground(canvas)
    if rng.random() < 0.2:
        _draw_crowd(canvas)
    _draw_things(canvas)
    image = _expose(canvas)
    ids, segments_info = _annotate(canvas)
    return Scene(image, ids, segments_info)


def _draw_palette(rng: Generator) -> Array:
    """Return eight BGR colours of related and opposite hues, dark ones at even rows, ``(8, 3)``."""
    hues = rng.random() + np.array([0, 0.06, -0.09, 0.12, 0.5, 0.56, 0.33, -0.2])
    hues = rng.permutation(hues) + rng.normal(0, 0.02, 8)
    saturations = rng.uniform(0.2, 0.75, 8)
    values = np.where(np.arange(8) % 2, rng.uniform(0.72, 1.0, 8), rng.uniform(0.28, 0.5, 8))
    rows = zip(hues % 1, saturations, values, strict=True)
    return np.array([colorsys.hsv_to_rgb(*row)[::-1] for row in rows], np.float32)


def _draw_ground(canvas: _Canvas) -> None:
    """Cover the canvas with two to four textures, curved borders and sometimes a void cloud."""
    rng, unit, (height, width) = canvas.rng, canvas.unit, canvas.shape
    x, y = pixel_grid(height, width)
    warp_x, warp_y = (14 * unit * smooth_noise(rng, canvas.shape, 40 * unit) for _ in range(2))
    count = int(rng.integers(2, 5))
    sites = (_spread_points(rng, count) * (width, height)).astype(np.float32)
    u, v = x + warp_x, y + warp_y
    regions = np.argmin([(u - site[0]) ** 2 + (v - site[1]) ** 2 for site in sites], axis=0)
    canvas.ids[:] = regions + 1
    names = rng.choice(list(TEXTURES), count, replace=False)
    canvas.segments.extend(_Segment(str(name)) for name in names)
    bend = 0.12 * warp_x
    shares = [draw_texture(name, rng, bend, unit) for name in names]
    share = np.choose(regions, shares)[..., None]
    # a dark and a bright colour each, in either order
    rows = rng.permuted(2 * rng.integers(0, 4, (count, 2)) + (0, 1), axis=1)
    first, second = canvas.palette[rows[:, 0]], canvas.palette[rows[:, 1]]
    canvas.colour[:] = first[regions] + share * (second - first)[regions]
    if rng.random() < 0.5:
        centre = (rng.uniform(0, 1, 2) * (width, height)).astype(np.float32)
        radius = rng.uniform(16, 30) * unit
        distance = np.hypot(x + warp_y - centre[0], y + warp_x - centre[1])
        _draw_cloud(canvas, (radius - distance) / (3 * unit))


def _spread_points(rng: Generator, count: int) -> NDArray[np.float64]:
    """Return the most spread out of a few draws of ``count`` points in the unit square."""
    draws = rng.uniform(0.08, 0.92, (12, count, 2))
    gaps = np.linalg.norm(draws[:, :, None] - draws[:, None], axis=-1) + 2 * np.eye(count)
    return draws[gaps.min((1, 2)).argmax()]


def _draw_cloud(canvas: _Canvas, depth: Array) -> None:
    """Paint an unlabelled, structureless patch where ``depth`` is positive."""
    rng = canvas.rng
    pair = canvas.palette[rng.integers(0, 8, 2)]
    share = np.clip(0.5 + 0.3 * smooth_noise(rng, canvas.shape, 24 * canvas.unit), 0, 1)[..., None]
    alpha = np.clip(depth + 0.5, 0, 1)[..., None]
    canvas.colour += alpha * (pair[0] + share * (pair[1] - pair[0]) - canvas.colour)
    canvas.ids[depth > 0] = VOID_ID


def _draw_crowd(canvas: _Canvas) -> None:
    """Paint a group of many tiny shapes of one class as one crowd segment."""
    rng, unit, (height, width) = canvas.rng, canvas.unit, canvas.shape
    name = str(rng.choice(list(OUTLINES)))
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    canvas.segments.append(_Segment(name, is_crowd=True))
    count = int(rng.integers(14, 26))
    # a sunflower's spiral spaces them evenly and still looks natural once jittered
    angles = np.arange(count) * 2.4
    reach = 6.2 * unit * np.sqrt(np.arange(count) + 0.5)
    spots = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    for spot in spots + rng.normal(0, unit, (count, 2)):
        shape = _outline(canvas, name, tuple(spot), rng.uniform(3.0, 4.5) * unit)
        if shape is not None:
            _paint(canvas, shape, len(canvas.segments))
    canvas.segments[-1].area = int(np.count_nonzero(canvas.ids == len(canvas.segments)))


def _draw_things(canvas: _Canvas) -> None:
    """Paint three to seven shapes, many over one another, each hiding less than half of another."""
    rng, unit, (height, width) = canvas.rng, canvas.unit, canvas.shape
    wanted = int(rng.integers(3, 8))
    things: list[_Segment] = []
    for _ in range(6 * wanted):
        name = str(rng.choice(list(OUTLINES)))
        radius = unit * float(np.exp(rng.uniform(np.log(18), np.log(34))))
        centre = rng.uniform(0.04, 0.96, 2) * (width, height)
        if things and rng.random() < 0.6:
            other = things[rng.integers(len(things))]
            angle, gap = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.0) * (radius + other.radius)
            centre = other.centre + gap * np.array([np.cos(angle), np.sin(angle)])
        shape = _outline(canvas, name, tuple(centre), radius)
        if shape is None or not _fits(canvas, shape, radius):
            continue
        things.append(_Segment(name, centre=tuple(centre), radius=radius))
        canvas.segments.append(things[-1])
        _paint(canvas, shape, len(canvas.segments))
        things[-1].area = int(np.count_nonzero(shape.alpha > 0.5))
        if len(things) == wanted:
            return


def _outline(
    canvas: _Canvas, name: str, centre: tuple[float, float], radius: float
) -> _Shape | None:
    """Return a randomly turned and stretched shape, or None where it lies outside the image."""
    angle, stretch = canvas.rng.uniform(0, 2 * np.pi), canvas.rng.uniform(0.8, 1.25)
    reach = 1.5 * radius + 5 * canvas.unit
    (height, width), (left, top) = canvas.shape, (round(side - reach) for side in centre)
    right, bottom = (round(side + reach) for side in centre)
    window = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    grid_x, grid_y = (grid[window] for grid in pixel_grid(height, width))
    if not grid_x.size:
        return None
    x, y = (grid_x - np.float32(centre[0])) / radius, (grid_y - np.float32(centre[1])) / radius
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    distance = OUTLINES[name]((x * cosine + y * sine) * stretch, (y * cosine - x * sine) / stretch)
    distance = (distance * radius).astype(np.float32)
    return _Shape(window, x, y, distance, np.clip(0.5 - distance, 0, 1))


def _fits(canvas: _Canvas, shape: _Shape, radius: float) -> bool:
    """Tell whether enough of the shape shows and most of every thing below it stays visible."""
    solid = shape.alpha > 0.5
    if np.count_nonzero(solid) < max(2 * MIN_AREA * canvas.unit**2, 0.6 * radius**2):
        return False
    counts = np.bincount(canvas.ids[shape.window][solid], minlength=len(canvas.segments) + 1)
    for index, segment in enumerate(canvas.segments, start=1):
        if segment.area and counts[index]:
            visible = np.count_nonzero(canvas.ids == index) - counts[index]
            if visible < max(2 * MIN_AREA * canvas.unit**2, 0.6 * segment.area):
                return False
    return True


def _paint(canvas: _Canvas, shape: _Shape, index: int) -> None:
    """Paint a shaded shape with a dark rim over its soft shadow and write its id."""
    unit, alpha = canvas.unit, shape.alpha
    view = canvas.colour[shape.window]
    shift_x, shift_y = 3 * unit * canvas.light
    offset = np.array([[1, 0, shift_x], [0, 1, shift_y]], np.float32)
    shadow = cv2.warpAffine(alpha, offset, alpha.shape[::-1])
    view *= 1 - 0.4 * cv2.GaussianBlur(shadow, (0, 0), 1.4 * unit)[..., None]
    shade = 0.95 - 0.22 * (shape.x * canvas.light[0] + shape.y * canvas.light[1])
    shade *= 1 - 0.45 * np.clip(1 + (shape.distance + 0.5) / (1.5 * unit), 0, 1)
    surface = _skin(canvas, shape) * shade[..., None]
    view += alpha[..., None] * (surface - view)
    canvas.ids[shape.window][alpha > 0.5] = index


def _skin(canvas: _Canvas, shape: _Shape) -> Array:
    """Return the colour of a shape's surface: plain, blended, mottled or banded, ``(h, w, 3)``."""
    rng = canvas.rng
    first, second = canvas.palette[rng.choice(8, 2, replace=False)]
    angle = rng.uniform(0, 2 * np.pi)
    along = shape.x * np.float32(np.cos(angle)) + shape.y * np.float32(np.sin(angle))
    kind = rng.integers(4)
    if kind == 0:
        share = np.zeros_like(along)
    elif kind == 1:
        share = np.clip(0.5 + 0.5 * along, 0, 1) * 0.6
    elif kind == 2:
        share = np.clip(0.2 * smooth_noise(rng, along.shape, 3 * canvas.unit) + 0.2, 0, 1)
    else:
        share = 0.5 * np.clip((0.22 - np.abs(along)) * 8 + 0.5, 0, 1)
    return first + share[..., None] * (second - first)


def _expose(canvas: _Canvas) -> NDArray[np.uint8]:
    """Light the scene unevenly, blur a few, add sensor noise; uint8 ``(H, W, 3)``."""
    rng, (height, width) = canvas.rng, canvas.shape
    x, y = pixel_grid(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    strength = rng.uniform(0, 0.45)
    slope_x, slope_y = strength * np.cos(angle) / width, strength * np.sin(angle) / height
    middle = rng.uniform(0.85, 1.1) - 0.5 * (slope_x * width + slope_y * height)
    light = x * np.float32(slope_x) + y * np.float32(slope_y) + np.float32(middle)
    colour: Array = canvas.colour * light[..., None]
    if rng.random() < 0.3:
        colour = cv2.GaussianBlur(colour, (0, 0), 0.7 * canvas.unit)
    noise = rng.standard_normal(colour.shape, dtype=np.float32)
    colour += np.float32(rng.uniform(0.005, 0.025)) * noise
    return np.clip(colour * 255, 0, 255).astype(np.uint8)


def _annotate(canvas: _Canvas) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
    """Return the panoptic id map ``(H, W)`` and its segments; tiny segments become void."""
    areas = np.bincount(canvas.ids.ravel(), minlength=len(canvas.segments) + 1)
    panoptic_ids = np.full(len(areas), VOID_ID, np.int32)
    shown: dict[int, _Segment] = {}
    for index, segment in enumerate(canvas.segments, start=1):
        if areas[index] >= MIN_AREA * canvas.unit**2:
            red, green, blue = _CATEGORY_OF[segment.name]['color']
            # shades of the category's colour keep the PNG readable by eye; green tells instances
            panoptic_ids[index] = red + 256 * (green + 6 * index) + 65536 * blue
            shown[int(panoptic_ids[index])] = segment

    def describe(segment_id: int) -> dict[str, int]:
        segment = shown[segment_id]
        return dict(category_id=_CATEGORY_OF[segment.name]['id'], iscrowd=int(segment.is_crowd))

    ids = panoptic_ids[canvas.ids]
    drawn = list(shown)
    return ids, sorted(measure_segments(ids, describe), key=lambda info: drawn.index(info['id']))
