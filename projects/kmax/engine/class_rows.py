"""Rows of the class layers, moved from the classes of a checkpoint to those of a model by name."""

import re
from collections.abc import Sequence

from torch import Tensor

CLASS_LAYERS = re.compile(r'(.*\.)?(class_head|semantic_decoder\.head\.final)\.(weight|bias)')
# Where mmseg's ADE20K names a class otherwise than mmdet's.
SYNONYMS = {
    'apparel': 'clothes',
    'ashcan': 'trash can',
    'bathtub': 'tub',
    'railing': 'rail',
    'streetlight': 'street lamp',
    'swimming pool': 'pool',
    'television receiver': 'tv',
    'waterfall': 'falls',
    'windowpane': 'window',
}


def match_names(old: Sequence[str], new: Sequence[str]) -> list[int | None]:
    """Return for each new class its place among the old ones, or None.

    Only the first of several names between commas counts, without case and outer blanks, unless
    two classes of one set would then share it; mmseg's and mmdet's names for ADE20K are the same.
    """
    old_names, new_names = _short_names(old), _short_names(new)
    if len({*old_names}) < len(old) or len({*new_names}) < len(new):
        old_names, new_names = list(old), list(new)
    place = {name: index for index, name in reversed(list(enumerate(old_names)))}
    return [place.get(name) for name in new_names]


def move_class_rows(
    weights: dict[str, Tensor],
    own: dict[str, Tensor],
    rows: Sequence[int | None],
    num_old_classes: int,
) -> None:
    """Bring a checkpoint's class layers into the order that :func:`match_names` found, in place.

    Void, the last row where there is one, stays last. Rows of classes that the checkpoint lacks
    are those of the model's ``own`` weights.
    """
    for name in filter(CLASS_LAYERS.fullmatch, list(weights)):
        old, new = weights[name], own.get(name.removeprefix('module.'))
        if new is None or old.shape[1:] != new.shape[1:]:
            continue
        moved = new.detach().to(old, copy=True)
        for row, source in enumerate(rows):
            if source is not None:
                moved[row] = old[source]
        if len(old) > num_old_classes and len(new) > len(rows):
            moved[-1] = old[-1]
        weights[name] = moved


def drop_other_class_layers(weights: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    """Remove class layers of other shapes than a model's ``own``, in place, so that these stay."""
    for name in filter(CLASS_LAYERS.fullmatch, list(weights)):
        new = own.get(name.removeprefix('module.'))
        if new is not None and weights[name].shape != new.shape:
            del weights[name]


def _short_names(names: Sequence[str]) -> list[str]:
    short = [name.partition(',')[0].strip().casefold() for name in names]
    return [SYNONYMS.get(name, name) for name in short]
