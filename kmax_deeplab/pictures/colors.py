"""Colours of segments, void and cluster centres."""

import colorsys

import numpy as np

VOID_COLOR = (128, 128, 128)
GOLDEN_RATIO = 0.6180339887498949

Color = tuple[int, int, int]


def _to_rgb(hue: float, lightness: float, saturation: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(
        hue % 1.0, min(max(lightness, 0.0), 1.0), min(max(saturation, 0.0), 1.0)
    )
    return round(red * 255), round(green * 255), round(blue * 255)


def instance_color(class_color: Color, index: int) -> Color:
    """Vary a class colour by the number of the instance in its class; the 0th keeps it."""
    if index == 0:
        return class_color
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in class_color))
    step = (index * GOLDEN_RATIO + 0.5) % 1.0 - 0.5
    centre = min(max(lightness, 0.35), 0.7)
    return _to_rgb(hue + 0.08 * step, centre - 0.45 * step, max(saturation, 0.35))


def cluster_palette(num_clusters: int) -> np.ndarray:
    """Return ``(N, 3)`` uint8 RGB colours, one per cluster centre and the same on every call."""
    lightness = (0.52, 0.70, 0.38)
    colors = [
        _to_rgb(index * GOLDEN_RATIO, lightness[index % 3], 0.75) for index in range(num_clusters)
    ]
    return np.array(colors, dtype=np.uint8).reshape(-1, 3)
