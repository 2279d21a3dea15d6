"""Refuses to start where the config's class counts contradict the data set."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from ..model_parts import unwrap_model

HEADS = ('panoptic_head', 'panoptic_fusion_head')


@HOOKS.register_module()
class CheckClassesHook(Hook):
    """Compares the model's numbers of thing and stuff classes with those of its data.

    The classes of training and validation must be the same, in the same order: the model learns
    the labels of the one, and the other is evaluated by them.

    Data sets that do not tell things from stuff, and models without these numbers, pass.
    """

    def before_train(self, runner: Any) -> None:
        """Check the training data, and the validation data as long as nothing is lost."""
        check_classes(runner.model, runner.train_loop.dataloader.dataset)
        if runner.val_loop is not None:
            self.before_val(runner)
            check_same_classes(
                *(loop.dataloader.dataset for loop in (runner.train_loop, runner.val_loop))
            )

    def before_val(self, runner: Any) -> None:
        """Check the validation data."""
        check_classes(runner.model, runner.val_loop.dataloader.dataset)

    def before_test(self, runner: Any) -> None:
        """Check the test data."""
        check_classes(runner.model, runner.test_loop.dataloader.dataset)


def check_same_classes(train: Any, val: Any) -> None:
    """Raise a ValueError if two data sets that tell things from stuff have other classes."""
    classes = [
        tuple(dataset.metainfo['classes'])
        for dataset in (train, val)
        if {'thing_classes', 'classes'} <= set(getattr(dataset, 'metainfo', {}))
    ]
    if len(set(classes)) > 1:
        sources = (getattr(each, 'ann_file', type(each).__name__) for each in (train, val))
        raise ValueError(
            '{1} has the classes {3}, but {0} has {2}: give both the same names and order of '
            'categories, or metainfo=dict(classes=...)'.format(*sources, *classes)
        )


def check_classes(model: Any, dataset: Any) -> None:
    """Raise a ValueError if the class counts of a model's heads are not those of a data set."""
    model = unwrap_model(model)
    metainfo = getattr(dataset, 'metainfo', {})
    if 'thing_classes' not in metainfo or 'stuff_classes' not in metainfo:
        return
    expected = (len(metainfo['thing_classes']), len(metainfo['stuff_classes']))
    for name in HEADS:
        head: Any = getattr(model, name, None)
        if not hasattr(head, 'num_things_classes') or not hasattr(head, 'num_stuff_classes'):
            continue
        given = (head.num_things_classes, head.num_stuff_classes)
        if given != expected:
            source = getattr(dataset, 'ann_file', type(dataset).__name__)
            raise ValueError(
                f'the config sets model.{name}.num_things_classes={given[0]} and '
                f'num_stuff_classes={given[1]}, but {source} has {expected[0]} thing and '
                f'{expected[1]} stuff classes: correct both fields in panoptic_head, and where '
                'they are set, those of panoptic_fusion_head and semantic_decoder.num_classes'
            )
