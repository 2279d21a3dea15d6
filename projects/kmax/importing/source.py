"""What a reader of a format hands over: images, and on demand the regions of each."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..panoptic.faults import Fault

Label = str | int
"""A class as a format calls it: by its name, or by the value of its pixels in a label map."""


@dataclass(frozen=True)
class Polygons:
    """An outline in pixels, as COCO has it.

    Attributes:
        rings: Of each part of the object ``x1, y1, x2, y2, ...``, ``(2n,)``.
    """

    rings: Sequence[NDArray[np.float64]]


@dataclass(frozen=True)
class Rle:
    """A mask as runs, column by column, as COCO has it.

    Attributes:
        size: ``(height, width)``.
        counts: Lengths of the runs, or the same compressed by pycocotools.
    """

    size: tuple[int, int]
    counts: list[int] | str | bytes


@dataclass(frozen=True)
class Crop:
    """A part of the image in which all pixels of a region lie, such as the box around them.

    Attributes:
        mask: ``(h, w)`` which pixels of the part are of the region.
        top: First row of the part in the image.
        left: First column of it.
    """

    mask: NDArray[np.bool_]
    top: int = 0
    left: int = 0


Mask = Polygons | Rle | Crop


class AsThing(Enum):
    """What a region becomes if its class is one of things; of stuff all regions are one segment."""

    OBJECT = 'one object'
    CROWD = 'a group of objects that are not told apart'
    COMPONENTS = 'as many objects as it has connected parts: a guess'
    VOID = 'nothing: the objects have regions of their own'


@dataclass(frozen=True)
class Region:
    """Pixels of one class in one image.

    Attributes:
        label: Its class.
        mask: Its pixels.
        place: Where it stands, for messages, as ``train.json, annotation 17``.
        as_thing: What it becomes if its class is one of things.
    """

    label: Label
    mask: Mask
    place: str
    as_thing: AsThing = AsThing.OBJECT


@dataclass(frozen=True)
class SourceImage(ABC):
    """One image; picklable, and small: pixels are read by the process that needs them.

    Attributes:
        name: Name of its file in the data set that is written, with "/" between folders.
        place: Where it stands, for messages, as ``image 17 of train.json``.
        path: Its file; None where the source holds the image itself, see :meth:`read_image`.
        size: ``(height, width)`` that the format tells, if it does.
    """

    name: str
    place: str
    path: Path | None
    size: tuple[int, int] | None

    @abstractmethod
    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read what is annotated, in the order of the format.

        Args:
            size: ``(height, width)`` of the image as it is shown.

        Raises:
            SourceError: With all that is wrong with the annotations of this image.
        """

    def read_image(self) -> bytes:
        """Return the encoded image, where :attr:`path` is None."""
        raise NotImplementedError


class SourceError(ValueError):
    """What is wrong with the annotations of one image.

    Args:
        faults: All that is.
        regions: Those that could be read all the same, in which there may be more faults.
    """

    def __init__(self, faults: Sequence[Fault], regions: Sequence[Region] = ()) -> None:
        super().__init__('; '.join(fault.message for fault in faults))
        self.faults = list(faults)
        self.regions = list(regions)

    def __reduce__(self) -> tuple:
        return type(self), (self.faults, self.regions)


@dataclass(frozen=True)
class ClassHint:
    """What a format tells of a class.

    Attributes:
        label: What regions call it.
        is_thing: Whether it is one of things; None where the format does not tell.
        id: Its number, if it has one.
        color: RGB, if it has one.
    """

    label: Label
    is_thing: bool | None = None
    id: int | None = None
    color: tuple[int, int, int] | None = None


@dataclass
class Source:
    """An export that was opened.

    Attributes:
        images: In any order.
        classes: Those that the format lists, also without a region; others are known by their
            regions.
        faults: All that is wrong with the export, but not with the regions of single images.
        notes: What has to be said of it in the end, such as what was left out, and why.
        others_are_things: Whether classes are things of which nothing and nobody tells.
        unlabelled: Number of images that were left out for want of annotations.
    """

    images: list[SourceImage]
    classes: list[ClassHint] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    others_are_things: bool = False
    unlabelled: int = 0


@dataclass(frozen=True)
class Reading:
    """How an export is to be read.

    Attributes:
        paths: The ``SRC...`` of the command line.
        image_dir: Folder of the images; None where the format knows them itself.
        divisor: What ``class * divisor + instance`` was made with, if a map holds both.
    """

    paths: Sequence[Path]
    image_dir: Path | None = None
    divisor: int | None = None

    @property
    def images(self) -> Path:
        """Folder of the images, for formats that need one."""
        if self.image_dir is None:
            raise ValueError('give --image-dir, the folder of the images')
        return self.image_dir
