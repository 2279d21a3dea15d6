"""Faults of data sets: what stops training, and what training and an inspection warn of."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """What is wrong; see :attr:`stops_training`."""

    CONFIG = 'config and data differ'
    BROKEN_JSON = 'unreadable panoptic JSON'
    CATEGORIES = 'faulty categories'
    MISSING_FIELD = 'missing field'
    WRONG_TYPE = 'field of a wrong type'
    DUPLICATE_IMAGE = 'duplicate image id'
    DUPLICATE_ANNOTATION = 'image with several annotations'
    NO_ANNOTATION = 'image without annotation'
    NO_IMAGE = 'annotation without image'
    UNKNOWN_CATEGORY = 'unknown category'
    BAD_ID = 'impossible segment id'
    DUPLICATE_ID = 'duplicate segment id'
    MISSING_IMAGE = 'missing image'
    BROKEN_IMAGE = 'unreadable image'
    MISSING_PNG = 'missing panoptic PNG'
    BROKEN_PNG = 'unreadable panoptic PNG'
    SIZE = 'image and panoptic PNG of different sizes'
    ID_NOT_IN_JSON = 'PNG id missing from the JSON'
    ID_NOT_IN_PNG = 'JSON id missing from the PNG'
    JSON_SIZE = 'JSON and image of different sizes'
    NOTHING_LEFT = 'no image to train on'
    AREA = 'wrong area'
    BBOX = 'wrong bbox'
    # Legitimate, but worth knowing:
    MANY_SEGMENTS = 'more segments than queries'
    VOID_ONLY = 'image of nothing but void'
    CROWD_ONLY = 'image of nothing but crowd'
    NEVER_ANNOTATED = 'class never annotated'
    LEAK = 'image in training and validation'
    # Of other formats, when they are imported:
    MASK = 'faulty mask'
    OVERLAP = 'overlapping objects'
    PAIRING = 'image and label map that do not pair'

    @property
    def stops_training(self) -> bool:
        """Whether training stops with the same message when it meets one; else its log has it."""
        return self not in _WARNINGS

    @property
    def loses_records(self) -> bool:
        """Whether an inspection leaves out what has such a fault, in which classes may occur."""
        return self in _LOSSES


_LOSSES = {
    FaultKind.BROKEN_JSON,
    FaultKind.CATEGORIES,
    FaultKind.MISSING_FIELD,
    FaultKind.WRONG_TYPE,
    FaultKind.NO_ANNOTATION,
    FaultKind.NO_IMAGE,
    FaultKind.UNKNOWN_CATEGORY,
}
_WARNINGS = {
    FaultKind.MANY_SEGMENTS,
    FaultKind.VOID_ONLY,
    FaultKind.CROWD_ONLY,
    FaultKind.NEVER_ANNOTATED,
    FaultKind.LEAK,
}

ONLY_IMPORTED = {FaultKind.MASK, FaultKind.OVERLAP, FaultKind.PAIRING}
"""Kinds that the panoptic format cannot have, but formats that are imported."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: What is wrong.
        message: The same with the names of file, image and id.
        image_id: The image concerned, if it is one.
        tolerated: Whether the data set is told to go on without comparing.
    """

    kind: FaultKind
    message: str
    image_id: int | str | None = None
    tolerated: bool = False

    @property
    def stops_training(self) -> bool:
        """Whether training stops with the same message when it meets the fault."""
        return self.kind.stops_training and not self.tolerated


def refuse(faults: Iterable[Fault]) -> None:
    """Raise a ValueError with the message of the first fault, if there is one."""
    for fault in faults:
        raise ValueError(fault.message)
