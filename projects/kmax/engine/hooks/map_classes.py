"""Continues from a checkpoint of other classes, or of the same ones in another order."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop

from ..class_rows import drop_other_class_layers, match_names, move_class_rows
from ..model_parts import rename_for_model, unwrap_model


@HOOKS.register_module()
class MapClassesHook(Hook):
    """Matches the rows of a checkpoint's class layers with the data set's classes by name.

    The names are those in the checkpoint's ``meta.dataset_meta``. The same classes in another
    order, as mmdet's and mmseg's data sets have them, are always put in the data set's order.

    Args:
        new_classes: Whether classes may differ when a training starts: rows of classes with the
            same name continue from the checkpoint, the others start anew.
    """

    # Before anything that reads the weights.
    priority = 'VERY_HIGH'

    def __init__(self, new_classes: bool = False) -> None:
        self.new_classes = new_classes

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Rename and reorder the weights before they are loaded."""
        model = unwrap_model(runner.model)
        weights = checkpoint.get('state_dict', checkpoint)
        rename_for_model(weights, model)
        old = ((checkpoint.get('meta') or {}).get('dataset_meta') or {}).get('classes')
        new = _classes_of_data(runner)
        starts = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        if old is None or new is None:
            if self.new_classes:
                _warn_of_missing_names('checkpoint' if old is None else 'data set')
                if starts:
                    drop_other_class_layers(weights, model.state_dict())
            return
        if list(old) == list(new):
            return
        rows = match_names(old, new)
        found = [name for name, row in zip(new, rows, strict=True) if row is not None]
        is_permutation = len(found) == len(new) == len(old)
        if not is_permutation and not (self.new_classes and starts):
            _warn_of_other_names(old, new)
            return
        move_class_rows(weights, model.state_dict(), rows, len(old))
        missing = [name for name, row in zip(new, rows, strict=True) if row is None]
        print_log(
            f'{len(found)} of {len(new)} classes continue from the {len(old)} of the checkpoint'
            + (f'; these start anew: {", ".join(missing)}' if missing else ', by their names'),
            logger='current',
            level=logging.INFO,
        )


def _warn_of_other_names(old: Any, new: Any) -> None:
    lacking = [name for name, row in zip(new, match_names(old, new), strict=True) if row is None]
    print_log(
        f'the {len(old)} classes of the checkpoint are others than the {len(new)} of the data set '
        f'({", ".join(lacking) or "none"} are not among them): its class layers are loaded row by '
        'row as they are, for whatever class stands there; tools/train.py --new-classes maps names',
        logger='current',
        level=logging.WARNING,
    )


def _warn_of_missing_names(owner: str) -> None:
    print_log(
        f'MapClassesHook: the {owner} does not name its classes, so none is mapped by its name: '
        'the class layers are loaded row by row where they have as many classes, and start anew '
        'otherwise; a checkpoint names them in meta.dataset_meta.classes, a data set in metainfo',
        logger='current',
        level=logging.WARNING,
    )


def _classes_of_data(runner: Any) -> Any:
    """Return the names of the classes that are trained, or tested, if the data set tells them."""
    # The properties of the runner would build the loops that are not run.
    for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
        if isinstance(loop, BaseLoop):
            return getattr(loop.dataloader.dataset, 'metainfo', {}).get('classes')
    return None
