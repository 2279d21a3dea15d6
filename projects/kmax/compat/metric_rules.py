"""mmengine does not know whether panoptic quality should rise or fall.

``save_best='auto'`` and an ``EarlyStoppingHook`` without ``rule`` find it by the metric's name. For
``coco_panoptic/PQ`` the one fails after the first validation, the other when it is built.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/hooks/checkpoint_hook.py``,
``mmengine/hooks/early_stopping_hook.py``).
Delete when both know panoptic quality and the ``AP@50`` of Cityscapes.
"""

from mmengine.hooks import CheckpointHook, EarlyStoppingHook

# As they are compared: anywhere in the name, whatever the case.
RISING = ('PQ', '/SQ', '/RQ', 'AP@')


def apply() -> None:
    """Add the names to those that rise."""
    for hook in (CheckpointHook, EarlyStoppingHook):
        known = hook._default_greater_keys
        hook._default_greater_keys = [*known, *(key for key in RISING if key not in known)]
