"""Where the classes of released checkpoints stand in their data sets.

Here and in the original's class heads, classes are things first, then stuff, each in the data set's
order, then void. Semantic heads follow the data set's own ids.
"""

from typing import NamedTuple

from ..datasets.ade20k_panoptic import STUFF_NUMBERS, THING_NUMBERS
from .errors import ConversionError


class ClassIds(NamedTuple):
    """Ids of a data set's classes, in ascending order."""

    name: str
    things: tuple[int, ...]
    stuff: tuple[int, ...]
    void: int | None
    """Void's channel of a semantic head; None where there is none."""

    @property
    def semantic_order(self) -> list[int]:
        """For every channel of our semantic logits the data set's."""
        void = [] if self.void is None else [self.void]
        return [*self.things, *self.stuff, *void]

    @property
    def dataset_order(self) -> list[int]:
        """For each of our classes its place among the data set's, without void."""
        ids = [*self.things, *self.stuff]
        return [i - min(ids) for i in ids]


DATA_SETS = (
    ClassIds('COCO', tuple(range(1, 81)), tuple(range(81, 134)), 0),
    ClassIds('Cityscapes', tuple(range(11, 19)), tuple(range(11)), None),
    ClassIds('ADE20K', THING_NUMBERS, STUFF_NUMBERS, 0),
)


def class_ids(num_things: int, num_stuff: int) -> ClassIds:
    """Return the data set with so many classes; checkpoints were released for three."""
    for data_set in DATA_SETS:
        if (len(data_set.things), len(data_set.stuff)) == (num_things, num_stuff):
            return data_set
    known = ', '.join(f'{d.name} ({len(d.things)} + {len(d.stuff)})' for d in DATA_SETS)
    raise ConversionError(
        f'the config has {num_things} thing and {num_stuff} stuff classes, but checkpoints were '
        f'released for {known}; convert with the config of one of these, then fine-tune'
    )
