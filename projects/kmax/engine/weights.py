"""The weights that a model gets from a checkpoint."""

import logging
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from .class_rows import CLASS_LAYERS
from .model_parts import rename_for_model, unwrap_model

# The share of a model's weights that a checkpoint may lack: parts used in training only, or added.
MAX_MISSING = 0.1
SHOWN_KEYS = 5
NEW_CLASSES_HINT = (
    '; only the numbers of classes differ: correct num_things_classes, num_stuff_classes and '
    'num_classes in the config, or fine-tune to other classes with load_from and '
    'tools/train.py --new-classes'
)


def continues_with_new_classes(cfg: Config) -> bool:
    """Tell whether a config has the hook that lets a training continue with other classes."""
    hooks = [*cfg.get('default_hooks', {}).values(), *cfg.get('custom_hooks', [])]
    return any(
        hook.get('type') == 'MapClassesHook' and hook.get('new_classes', False)
        for hook in hooks
        if isinstance(hook, dict)
    )


def read_weights(path: str) -> dict[str, Any]:
    """Read a checkpoint's tensors by name, without a wrapper's prefix, from a file or URL.

    One that is damaged, or no checkpoint, is a ValueError that names it.
    """
    try:
        content = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        raise ValueError(f'checkpoint {path} cannot be read, it may be damaged: {error}') from error
    weights = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not any(map(torch.is_tensor, weights.values())):
        raise ValueError(f'checkpoint {path} holds no weights')
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def check_weights(
    model: Any,
    weights: dict[str, Any],
    path: str,
    *,
    starts: bool = False,
    new_classes: bool = False,
) -> None:
    """Raise a ValueError if weights are not a model's; mmengine only warns.

    Where a training ``starts`` from them, whole parts of the model, as all but the backbone, may
    be missing. With ``new_classes`` layers whose shapes depend on the number of classes may differ
    and are warned of; MapClassesHook fills them from the checkpoint as far as it can.
    """
    model = unwrap_model(model)
    rename_for_model(weights, model)
    own = model.state_dict()
    own = {name: value for name, value in own.items() if 'num_batches_tracked' not in name}
    other = [name for name in own if name in weights and weights[name].shape != own[name].shape]
    shapes = {
        name: f'{name}: {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}'
        for name in other
    }
    depends = all(CLASS_LAYERS.fullmatch(name) for name in other)
    if other and new_classes and depends:
        print_log(
            f'in checkpoint {path} layers are for other classes: ' + ', '.join(shapes.values()),
            logger='current',
            level=logging.WARNING,
        )
    elif other:
        message = _mismatch(path, 'weights have other shapes', list(shapes.values()), len(own))
        raise ValueError(message + (NEW_CLASSES_HINT if depends else ''))
    parts = {name.partition('.')[0] for name in own if name in weights or not starts}
    expected = [name for name in own if name.partition('.')[0] in parts] or list(own)
    missing = [name for name in expected if name not in weights]
    if len(missing) > MAX_MISSING * len(expected):
        raise ValueError(_mismatch(path, 'weights are missing', missing, len(expected)))


def _mismatch(path: str, fault: str, names: list[str], total: int) -> str:
    shown = ', '.join(names[:SHOWN_KEYS]) + (', ...' if len(names) > SHOWN_KEYS else '')
    return (
        f'checkpoint {path} is not one of the model in the config: {len(names)} of {total} '
        f'{fault}: {shown}'
    )
