"""The weights that a model gets from a checkpoint."""

import logging
import re
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from ..runtime.checked_loader import DamagedCheckpointError
from .class_rows import CLASS_LAYERS
from .model_parts import rename_for_model, unwrap_model

# The share of a model's weights that a training may start without: parts that were added.
MAX_MISSING = 0.1
# Parts that predict nothing: a model is used without their weights.
ONLY_TRAINED = re.compile(r'(.*\.)?semantic_decoder\..*')
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
    except DamagedCheckpointError:
        raise
    # That of a URL can raise nearly any exception.
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
    be missing, and a few weights of the others, which are warned of. With ``new_classes`` layers
    whose shapes depend on the number of classes may differ and are warned of; MapClassesHook fills
    them from the checkpoint as far as it can.
    """
    model = unwrap_model(model)
    rename_for_model(weights, model)
    own = _weights_of(model)
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
    if not starts:
        missing = [name for name in missing if not ONLY_TRAINED.fullmatch(name)]
    if len(missing) > MAX_MISSING * len(expected) * starts:
        raise ValueError(_mismatch(path, 'weights are missing', missing, len(expected)))
    if missing:
        print_log(
            f'checkpoint {path} lacks {_count(missing, len(expected))} weights, which start anew: '
            + _list(missing),
            logger='current',
            level=logging.WARNING,
        )


def _weights_of(model: Any) -> dict[str, Any]:
    """Return what is learnt, and statistics; other buffers are as the model makes them."""
    learnt = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return {
        name: value
        for name, value in model.state_dict().items()
        if name in learnt or name.endswith(('running_mean', 'running_var'))
    }


def _count(names: list[str], total: int) -> str:
    return f'{len(names)} of {total}'


def _list(names: list[str]) -> str:
    return ', '.join(names[:SHOWN_KEYS]) + (', ...' if len(names) > SHOWN_KEYS else '')


def _mismatch(path: str, fault: str, names: list[str], total: int) -> str:
    return (
        f'checkpoint {path} is not one of the model in the config: {_count(names, total)} {fault}: '
        + _list(names)
    )
