"""Images to begin with, drawn by the program itself."""

from functools import cache

import cv2
import numpy as np

from ..missing_packages import find_missing_packages

SEEDS = (3, 8, 21, 34)
SIZE = (160, 128)
"""Width and height, as in the data set of the quickstart."""


@cache
def draw_examples() -> list[bytes]:
    """Return scenes of shapes as PNG files; none without OpenMMLab, which data sets need."""
    if find_missing_packages():
        return []
    from ..datasets.shapes import draw_scene

    files = []
    for seed in SEEDS:
        # No scene of a data set: those have three numbers.
        scene = draw_scene(np.random.SeedSequence(seed), width=SIZE[0], height=SIZE[1])
        _, encoded = cv2.imencode('.png', scene.image)
        files.append(encoded.tobytes())
    return files
