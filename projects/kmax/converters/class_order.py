"""Where the classes of released checkpoints stand in their data sets.

Here and in the original's class heads, classes are things first, then stuff, each in the data set's
order, then void. Semantic heads follow the data set's own ids.
"""

from typing import NamedTuple

from .errors import ConversionError

_ADE20K_STUFF = (
    *(1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 17, 18, 22, 26, 27, 29, 30, 35, 41, 47, 49, 52, 53, 55, 60),
    *(61, 62, 64, 69, 78, 80, 85, 92, 95, 97, 100, 101, 102, 106, 107, 110, 114, 115, 118, 123),
    *(129, 132, 141, 142, 146),
)


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
    ClassIds('ADE20K', tuple(sorted({*range(1, 151)} - {*_ADE20K_STUFF})), _ADE20K_STUFF, 0),
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
