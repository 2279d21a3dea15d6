"""What the readers of formats find in the samples, or in changed copies of them."""

import pickle
import shutil
from collections import Counter

import cv2
import numpy as np
from imports import ROOT

from projects.kmax.importing.examination import examine
from projects.kmax.importing.kinds import opener_of
from projects.kmax.importing.rasters import find_mask_fault, rasterise
from projects.kmax.importing.source import Reading

SAMPLES = ROOT / 'tests' / 'data' / 'importing'
SIZE = (30, 40)
STREET = 'straße 1.png'


def copy_sample(kind, tmp_path):
    """Copy the sample of a format, to be changed, and return its folder."""
    return shutil.copytree(SAMPLES / kind, tmp_path / kind)


def open_export(kind, path, image_dir=None):
    return opener_of(kind)(Reading([path], image_dir))


def image_of(source, name):
    """Return an image as the process gets it that reads its pixels."""
    (image,) = [image for image in source.images if image.name == name]
    return pickle.loads(pickle.dumps(image))


def masks_of(source, name, size=SIZE):
    """Return label, mask ``(H, W)`` and kind of thing of each region of an image."""
    found = []
    for region in image_of(source, name).read_regions(size):
        assert find_mask_fault(region.mask, size) is None
        crop = rasterise(region.mask, size)
        mask = np.zeros(size, bool)
        height, width = crop.mask.shape
        mask[crop.top : crop.top + height, crop.left : crop.left + width] = crop.mask
        found.append((region.label, mask, region.as_thing))
    return found


def messages_of(source):
    """Return all that is wrong with an export and with its images, as the command finds it."""
    faults = [*source.faults, *(f for image in source.images for f in examine(image).faults)]
    assert max(Counter(fault.message for fault in faults).values(), default=1) == 1
    return [fault.message for fault in faults]


def painted(*rectangles, size=SIZE):
    """Return a mask of rectangles ``(left, top, right, bottom)``, ends excluded."""
    mask = np.zeros(size, bool)
    for left, top, right, bottom in rectangles:
        mask[top:bottom, left:right] = True
    return mask


def disc(x, y, radius_x, radius_y=None, size=SIZE):
    """Return the pixels whose indices are within an ellipse."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    radius_y = radius_x if radius_y is None else radius_y
    return ((columns - x) / radius_x) ** 2 + ((rows - y) / radius_y) ** 2 <= 1


def assert_alike(mask, expected, share=0.15):
    """Check that masks are equal but for pixels at the border, a share of all."""
    values, kernel = expected.astype(np.uint8), np.ones((3, 3), np.uint8)
    border = cv2.dilate(values, kernel) != cv2.erode(values, kernel)
    assert not (mask ^ expected)[~border].any()
    assert abs(int(mask.sum()) - int(expected.sum())) < share * expected.sum()
