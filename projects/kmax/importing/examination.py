"""The first look at all images, before anything is written: sizes, masks and labels."""

import io
from collections import Counter
from dataclasses import dataclass, field

from PIL import Image

from kmax_deeplab.errors import text_of
from kmax_deeplab.local_files import check_image
from kmax_deeplab.paths import find_name_fault

from ..panoptic.comparison import find_size_faults
from ..panoptic.faults import Fault, FaultKind
from .image_headers import read_size
from .painting import Table, find_overlaps
from .rasters import Size, find_mask_fault, rasterise, reaches_beyond
from .source import AsThing, Label, Region, SourceError, SourceImage

CUT = 'regions that reach beyond their image, where they are cut off'


@dataclass
class Examined:
    """What the first look at an image found.

    Attributes:
        size: ``(height, width)`` as it is shown.
        labels: The place of the first region of each label.
        visible: Labels of regions with a pixel, and what these become if they are things.
        faults: All that is wrong.
        remarks: How many regions there is something to say of, by what it is.
    """

    size: Size = (0, 0)
    labels: dict[Label, str] = field(default_factory=dict)
    visible: set[tuple[Label, AsThing]] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)


def examine(image: SourceImage) -> Examined:
    """Look at an image and its regions; nothing of their pixels is kept."""
    found = Examined()
    name_fault = find_name_fault(image.name)
    if name_fault is not None:
        message = f'{image.place} names the file {image.name!r}, which {name_fault}'
        found.faults.append(Fault(FaultKind.WRONG_TYPE, message))
        return found
    size = measure_header(image)
    if isinstance(size, Fault):
        found.faults.append(size)
    found.size = size if isinstance(size, tuple) else image.size or (0, 0)
    if image.size is not None:
        found.faults += _compare(image, found.size)
    if found.faults and image.size is None:
        return found
    try:
        regions = image.read_regions(found.size)
    except SourceError as error:
        found.faults += error.faults
        regions = error.regions
    _look_at(regions, found)
    return found


def _look_at(regions: list[Region], found: Examined) -> None:
    for region in regions:
        found.labels.setdefault(region.label, region.place)
        fault = find_mask_fault(region.mask, found.size)
        if fault is not None:
            found.faults.append(Fault(FaultKind.MASK, f'{region.place} {fault}'))
            continue
        if reaches_beyond(region.mask, found.size):
            found.remarks[CUT] += 1
        seen = (region.label, region.as_thing)
        # One of each is enough: to fill all would double the work.
        if seen not in found.visible and rasterise(region.mask, found.size).mask.any():
            found.visible.add(seen)


def _compare(image: SourceImage, size: Size) -> list[Fault]:
    """Return the fault of an image whose size is not that which the format tells."""
    record = dict(img_id=image.name, img_path=image.path, ann_file=image.place, seg_map_path=None)
    height, width = image.size or size
    return list(
        find_size_faults(None, {**record, 'ori_shape': size, 'height': height, 'width': width})
    )


def measure_header(image: SourceImage) -> Size | Fault:
    """Return ``(height, width)`` of an image as it is shown, by its header, or what is wrong."""
    if image.path is not None and not image.path.exists():
        return Fault(FaultKind.MISSING_IMAGE, f'{image.place}: {image.path} does not exist')
    try:
        if image.path is not None:
            check_image(image.path)
        with (
            io.BytesIO(image.read_image()) if image.path is None else image.path.open('rb') as file
        ):
            return read_size(file)
    # Pillow raises all of them of damaged files.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        message = f'{image.place}: {image.path or image.name} cannot be read: {text_of(error)}'
        return Fault(FaultKind.BROKEN_IMAGE, message)


def examine_overlaps(item: tuple[SourceImage, Size], table: Table) -> list[Fault]:
    """Return the overlaps of the objects of an image that is sound otherwise."""
    image, size = item
    return [
        Fault(FaultKind.OVERLAP, f'{first} and {second} overlap by {count} pixels')
        for first, second, count in find_overlaps(image.read_regions(size), table, size)
    ]
