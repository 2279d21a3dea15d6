"""Textures and outlines of the procedural shapes scenes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]  # float32 all through: drawing is bound by memory traffic


@lru_cache(maxsize=4)
def pixel_grid(height: int, width: int) -> tuple[Array, Array]:
    """Return the x and y coordinates of every pixel, each ``(height, width)``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def smooth_noise(rng: Generator, shape: tuple[int, ...], cell: float) -> Array:
    """Return smooth noise of shape ``(H, W)``, of about unit variance that varies over ``cell``."""
    rows, columns = (max(2, round(side / cell) + 1) for side in shape)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _step(value: Array, softness: float) -> Array:
    """Return a 0 to 1 step at ``value == 0``, ``softness`` wide against aliasing."""
    return np.clip(value / softness + 0.5, 0, 1)


def _stripes(u: Array, v: Array, soft: float, rng: Generator) -> Array:
    return _step(np.abs(u - np.floor(u) - 0.5) - 0.25, soft)


def _checks(u: Array, v: Array, soft: float, rng: Generator) -> Array:
    u, v = u * 0.6, v * 0.6
    return _step(np.sin(2 * np.pi * u) * np.sin(2 * np.pi * v), 4 * soft)


def _dots(u: Array, v: Array, soft: float, rng: Generator) -> Array:
    v = v + 0.5 * (np.floor(u) % 2)
    distance = np.hypot(u - np.floor(u) - 0.5, v - np.floor(v) - 0.5)
    return _step(rng.uniform(0.26, 0.34) - distance, soft)


def _bricks(u: Array, v: Array, soft: float, rng: Generator) -> Array:
    row = np.floor(v)
    u = u * 0.5 + 0.5 * (row % 2)
    column = np.floor(u)
    mortar = np.minimum(0.5 - np.abs(v - row - 0.5), 2 * (0.5 - np.abs(u - column - 0.5)))
    tones = rng.uniform(0.0, 0.45, 64).astype(np.float32)
    tone = tones[(row * 7 + column * 13).astype(np.int32) % 64]
    return np.maximum(tone, _step(0.14 - mortar, soft))


def _moss(u: Array, v: Array, soft: float, rng: Generator) -> Array:
    period = 1 / max(np.hypot(u[0, 1] - u[0, 0], v[0, 1] - v[0, 0]), 1e-3)
    return _step(smooth_noise(rng, u.shape, 0.55 * float(period)), 1.6)


TEXTURES: dict[str, Callable[[Array, Array, float, Generator], Array]] = {
    'stripes': _stripes,
    'checks': _checks,
    'dots': _dots,
    'bricks': _bricks,
    'moss': _moss,
}


def draw_texture(name: str, rng: Generator, bend: Array, unit: float) -> Array:
    """Draw a randomly turned and scaled texture.

    Args:
        name: one of ``TEXTURES``.
        rng: source of randomness.
        bend: displacement in pixels that curves the pattern a little, ``(H, W)``.
        unit: pixels per design pixel; periods are 8 to 12 design pixels.

    Returns:
        The share of the second colour at each pixel in [0, 1], ``(H, W)``.
    """
    x, y = pixel_grid(*bend.shape)
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 12) * unit
    cosine, sine = np.float32(np.cos(angle) / period), np.float32(np.sin(angle) / period)
    shift = rng.uniform(0, 8, 2).astype(np.float32)
    u = x * cosine + (y + bend) * sine + shift[0]
    v = (y + bend) * cosine - x * sine + shift[1]
    return TEXTURES[name](u, v, 1.4 / period, rng)


def _disc(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.95


def _box(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.78


def _triangle(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x) * np.float32(np.sqrt(0.75)) + y * 0.5, -y) - 0.55


def _star(x: Array, y: Array) -> Array:
    sector = 2 * np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + sector / 2) % sector - sector / 2)
    radius = np.hypot(x, y)
    valley = 0.48 * np.array([np.cos(sector / 2), np.sin(sector / 2)])
    normal = np.array([valley[1], 1.05 - valley[0]])
    normal = (normal / np.linalg.norm(normal)).astype(np.float32)
    return (radius * np.cos(angle) - 1.05) * normal[0] + radius * np.sin(angle) * normal[1]


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.74) - 0.25


OUTLINES: dict[str, Callable[[Array, Array], Array]] = {
    'disc': _disc,
    'box': _box,
    'triangle': _triangle,
    'star': _star,
    'ring': _ring,
}
"""Signed distance, negative inside, to a shape of about unit radius; x to the right, y down."""
