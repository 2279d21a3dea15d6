"""ADE20K panoptic from the annotations of its scene parsing and its instance challenge.

Written as Mask2Former's ``prepare_ade20k_pan_seg.py`` and mmdet's ``ade20k2coco.py`` do: stuff
from ``annotations``, things from ``annotations_instance`` over it, void where neither says
anything. As there, ``area`` and ``bbox`` of stuff are those before things cover it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.datasets import ADE20KInstanceDataset, ADE20KPanopticDataset, ADE20KSegDataset
from mmdet.datasets.ade20k import ADE_PALETTE
from numpy.typing import NDArray

from kmax_deeplab.errors import text_of
from kmax_deeplab.local_files import read_pixels

from ..panoptic.faults import Fault, FaultKind
from ..panoptic.files import write_panoptic_png
from ..panoptic.segments import segment_info
from ..void import VOID_ID
from .image_files import measure

INSTANCE_STRIDE = 256


@cache
def thing_classes() -> tuple[int, ...]:
    """Return the scene parsing class, from 0, of each category of the instance challenge.

    mmdet names both lists in their own order; things keep the order of scene parsing, which is
    what the challenge's ``categoryMapping.txt`` says.
    """
    names = [name.strip() for name in ADE20KSegDataset.METAINFO['classes']]
    return tuple(names.index(name.strip()) for name in ADE20KInstanceDataset.METAINFO['classes'])


def categories() -> list[dict[str, Any]]:
    """Return the 150 classes with the names of mmdet's panoptic data set; ids count from 0."""
    meta = ADE20KPanopticDataset.METAINFO
    things = thing_classes()
    stuff = [index for index in range(len(ADE_PALETTE)) if index not in things]
    names = dict(zip(things, meta['thing_classes'], strict=True))
    names |= dict(zip(stuff, meta['stuff_classes'], strict=True))
    return [
        dict(id=index, name=names[index], isthing=int(index in things), color=list(color))
        for index, color in enumerate(ADE_PALETTE)
    ]


@dataclass(frozen=True)
class Split:
    """Folders of one part of ADE20K below ``ADEChallengeData2016``."""

    root: Path
    folder: str

    def image(self, name: str) -> Path:
        """Return the file of the image ``name``."""
        return self.root / 'images' / self.folder / f'{name}.jpg'

    def semantic(self, name: str) -> Path:
        """Return the file of its scene parsing."""
        return self.root / 'annotations' / self.folder / f'{name}.png'

    def instance(self, name: str) -> Path:
        """Return the file of its instances."""
        return self.root / 'annotations_instance' / self.folder / f'{name}.png'

    def find_names(self) -> tuple[list[str], list[Fault]]:
        """Return the names of the images, and which of their files are missing."""
        kinds = (self.image, self.semantic, self.instance)
        present = [{path.stem for path in kind('*').parent.glob(kind('*').name)} for kind in kinds]
        names = sorted(set().union(*present))
        faults = [
            Fault(FaultKind.MISSING_IMAGE, f'{kind(name)} is missing', name)
            for kind, found in zip(kinds, present, strict=True)
            for name in names
            if name not in found
        ]
        return names, faults


@dataclass
class Converted:
    """One image in COCO's panoptic form.

    Attributes:
        image: Its entry among the images.
        annotation: Its entry among the annotations.
        agreeing: Pixels of things whose class is that of the scene parsing as well.
        things: Pixels of things.
    """

    image: dict[str, Any]
    annotation: dict[str, Any]
    agreeing: int
    things: int


def convert_image(split: Split, png_dir: Path, name: str) -> Converted | Fault:
    """Write the panoptic PNG of an image; return what the JSON says of it, or what is wrong.

    ``name`` is its file name without ending, which becomes its id.
    """
    size = measure(split.image(name))
    if isinstance(size, Fault):
        return size
    try:
        semantic, instance = (
            read_pixels(path, cv2.IMREAD_UNCHANGED)
            for path in (split.semantic(name), split.instance(name))
        )
    except OSError as error:
        return Fault(FaultKind.BROKEN_PNG, text_of(error), name)
    for fault in _find_faults(split, name, size, semantic, instance):
        return fault
    ids, infos = _merge(semantic, instance)
    write_panoptic_png(png_dir / f'{name}.png', ids)
    scene_class = np.array([VOID_ID, *(index + 1 for index in thing_classes())])
    is_thing = instance[..., 1] > 0
    agreeing = scene_class[instance[..., 2][is_thing]] == semantic[is_thing]
    return Converted(
        image=dict(id=name, file_name=f'{name}.jpg', width=size[0], height=size[1]),
        annotation=dict(image_id=name, file_name=f'{name}.png', segments_info=infos),
        agreeing=int(agreeing.sum()),
        things=agreeing.size,
    )


def _find_faults(
    split: Split, name: str, size: tuple[int, int], semantic: Any, instance: Any
) -> Iterator[Fault]:
    for path, grid, dims in (
        (split.semantic(name), semantic, 2),
        (split.instance(name), instance, 3),
    ):
        if grid.ndim != dims or grid.dtype != np.uint8:
            message = f'{path} is no PNG of {"grey" if dims == 2 else "RGB"} bytes'
            yield Fault(FaultKind.BROKEN_PNG, message, name)
        elif grid.shape[1::-1] != size:
            message = '{} is {}x{} pixels, but its image is {}x{}'
            yield Fault(FaultKind.SIZE, message.format(path, *grid.shape[1::-1], *size), name)
    if semantic.max(initial=0) > len(ADE_PALETTE):
        message = f'{split.semantic(name)} holds class {semantic.max()} of {len(ADE_PALETTE)}'
        yield Fault(FaultKind.UNKNOWN_CATEGORY, message, name)
    if instance.ndim == 3:
        pairs = find_instances(instance)
        for category, number in pairs.tolist():
            described = f'instance {number} of {split.instance(name)}'
            if not 0 < category <= len(thing_classes()):
                message = f'{described} is of category {category} of {len(thing_classes())}'
                yield Fault(FaultKind.UNKNOWN_CATEGORY, message, name)
            if (pairs[:, 1] == number).sum() > 1:
                yield Fault(FaultKind.DUPLICATE_ID, f'{described} is of several categories', name)


def find_instances(instance: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the ``(n, 2)`` category and number of each instance of a map ``(H, W, 3)``, sorted.

    Args:
        instance: In OpenCV's order of colours: not used, number, category.
    """
    codes = instance[..., 2].astype(np.uint16) << 8 | instance[..., 1]
    # Counting is far faster than sorting all pixels, which np.unique does.
    present = np.flatnonzero(np.bincount(codes.ravel(), minlength=1))
    pairs = np.stack([present >> 8, present & 255], axis=1)
    return pairs[pairs[:, 1] > 0]


def _merge(
    semantic: NDArray[np.uint8], instance: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
    """Return the ids ``(H, W)`` and their segments: things over stuff."""
    things = thing_classes()
    ids = np.zeros(semantic.shape, np.int32)
    infos = []
    for value in np.unique(semantic).tolist():
        if value != VOID_ID and value - 1 not in things:
            infos.append(_paint(ids, semantic == value, value, value - 1))
    for number in np.unique(instance[..., 1]).tolist():
        if number:
            mask = instance[..., 1] == number
            category = things[instance[..., 2][mask][0] - 1]
            infos.append(_paint(ids, mask, category + 1 + INSTANCE_STRIDE * number, category))
    # Stuff that things cover wholly is not in the PNG: training refuses an id without pixels.
    visible = set(np.unique(ids).tolist())
    return ids, [info for info in infos if info['id'] in visible]


def _paint(
    ids: NDArray[np.int32], mask: NDArray[np.bool_], segment_id: int, category: int
) -> dict[str, Any]:
    ids[mask] = segment_id
    box = list(cv2.boundingRect(mask.astype(np.uint8)))
    return segment_info(segment_id, int(mask.sum()), box, category)
