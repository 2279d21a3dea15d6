"""Images that tests make."""

import io

import numpy as np
from PIL import Image


def encode(image, kind='PNG', **options):
    """Return an image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width, height, seed=0):
    """Return an image of random pixels."""
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(levels)
