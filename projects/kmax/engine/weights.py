"""The weights that a model gets from a checkpoint."""

import logging
import re
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

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


class Weights(dict[str, Any]):
    """A checkpoint's tensors by name, and in ``meta`` what it says of itself."""

    meta: Any


def read_weights(path: str) -> Weights:
    """Read a checkpoint's tensors from a file or URL.

    One that cannot be read, or is no checkpoint, is a ValueError or OSError that names it.
    """
    return weights_of(CheckpointLoader.load_checkpoint(path, map_location='cpu'), path)


def weights_of(content: Any, path: str) -> Weights:
    """Return the tensors of a checkpoint that was read from a path, without a wrapper's prefix."""
    given = content.get('state_dict', content) if isinstance(content, dict) else None
    weights = given if isinstance(given, dict) else {}
    named = all(isinstance(name, str) for name in weights)
    if not named or not any(map(torch.is_tensor, weights.values())):
        raise ValueError(f'checkpoint {path} holds no weights: no tensors by name')
    found = Weights({name.removeprefix('module.'): value for name, value in weights.items()})
    found.meta = content.get('meta', {})
    return found


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
    _check_numbers({name: weights[name] for name in own if name in weights}, path)
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
    num_classes = None if other else _num_classes(model)
    check_meta(getattr(weights, 'meta', {}), num_classes, path)
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


def _check_numbers(weights: dict[str, Any], path: str) -> None:
    """Refuse what torch would copy into a model as something else, or not at all."""
    kinds = {name: kind_of(value) for name, value in weights.items()}
    wrong = [f'{name} ({kind})' for name, kind in kinds.items() if kind is not None]
    if wrong:
        raise ValueError(
            f'checkpoint {path} cannot be used: {_count(wrong, len(weights))} weights are no '
            f'plain floating point numbers: {_list(wrong)}'
        )


def kind_of(value: Any) -> str | None:
    """Say what a value is that is no tensor of floating point numbers; None if it is one."""
    if not torch.is_tensor(value):
        return type(value).__name__
    if value.is_meta:
        return 'meta, without values'
    if value.layout != torch.strided:
        return str(value.layout)
    return None if value.is_floating_point() else str(value.dtype)


def _num_classes(model: Any) -> int | None:
    heads = (getattr(model, name, None) for name in ('panoptic_head', 'decode_head'))
    counts = (getattr(head, 'num_classes', None) for head in heads)
    return next((count for count in counts if count is not None), None)


def check_meta(meta: Any, num_classes: int | None, path: str) -> None:
    """Raise a ValueError if what a checkpoint says of its classes is not what it must be.

    Args:
        meta: Its entry ``meta``; the names of classes may be absent.
        num_classes: How many the model has, if they must be these.
        path: The checkpoint, for the message.
    """
    start, found = f'checkpoint {path} cannot be used: its meta', meta
    for name in ('', '.dataset_meta'):
        start += name
        found = found.get('dataset_meta', {}) if name else found
        if not isinstance(found, dict):
            raise ValueError(f'{start} is a {type(found).__name__}, not a dict')
    if 'classes' not in found:
        return
    classes, palette = found['classes'], found.get('palette')
    if not isinstance(classes, list | tuple) or not all(isinstance(x, str) for x in classes):
        raise ValueError(f'{start}.classes must be the names of its classes, is {classes!r:.80}')
    if num_classes is not None and len(classes) != num_classes:
        raise ValueError(
            f'{start}.classes names {len(classes)} classes, the model has {num_classes}'
        )
    if isinstance(palette, list | tuple) and len(palette) != len(classes):
        raise ValueError(f'{start}.palette has {len(palette)} colours for {len(classes)} classes')


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
