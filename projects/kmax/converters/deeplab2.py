"""Checkpoints of the original: segmentation, or ImageNet weights of a backbone."""

import re
from collections.abc import Collection
from typing import Any

from torch import Tensor

from .class_order import class_ids
from .conversion import Plan
from .deeplab2_names import Names, torch_layout

SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'

_LEFT_OUT = {
    r'_CHECKPOINTABLE_OBJECT_GRAPH': "TensorFlow's description of the objects",
    r'.*/\.OPTIMIZER_SLOT/.*': 'state of the optimizer',
    r'(backbone_)?optimizer/.*': 'state of the optimizer',
    r'global_step|save_counter': 'counter of the training',
}
_SEMANTIC = r'semantic_(decoder|head_without_last_layer|last_layer)/.*'

# How the encoder's variables start in ImageNet checkpoints of other origin.
_ENCODERS = {
    r'backbone/_encoder/': 'encoder/',
    r'(?=downsample_layers/|stages/)': 'encoder/',
}


def plan(keys: Collection[str], model: Any) -> Plan:
    """Decide about the variables of a checkpoint.

    A checkpoint without a pixel decoder is one of ImageNet weights: only its encoder is used.

    Args:
        keys: Its variables, with or without TensorFlow's suffix.
        model: The :class:`KMaXDeepLab` they are for.

    Returns:
        The plan; keys that no rule knows are not in it.
    """
    names = {key: _canonical(key) for key in keys}
    of_names = Names(names.values())
    with_head = any(name.startswith('pixel_decoder/') for name in names.values())
    result = Plan()
    if not with_head:
        result.not_filled['panoptic_head.'] = 'ImageNet weights are the backbone only'
    for key, name in names.items():
        reason = _reason_to_leave_out(name, with_head, model)
        if reason:
            result.left_out[key] = reason
            continue
        try:
            result.targets[key] = of_names[name]
        except KeyError:
            continue
    return result


def layout(key: str, value: Tensor, model: Any) -> Tensor:
    """Bring a variable into our layout and order of classes.

    Args:
        key: Name of the variable.
        value: Its value.
        model: The :class:`KMaXDeepLab` it is for.

    Raises:
        ConversionError: If the semantic head's order of classes is not known.
    """
    name = _canonical(key)
    value = torch_layout(name, value)
    if name.startswith('semantic_last_layer/'):
        head = model.panoptic_head
        ids = class_ids(head.num_things_classes, head.num_stuff_classes)
        if len(value) == len(ids.semantic_order):
            value = value[ids.semantic_order]
    return value


def _canonical(key: str) -> str:
    name = key.removesuffix(SUFFIX)
    for start, ours in _ENCODERS.items():
        if re.match(start, name):
            return re.sub(start, ours, name, count=1)
    return name


def _reason_to_leave_out(name: str, with_head: bool, model: Any) -> str | None:
    for pattern, reason in _LEFT_OUT.items():
        if re.fullmatch(pattern, name):
            return reason
    if not with_head and not name.startswith('encoder/'):
        return 'not of the encoder: the classifier on ImageNet'
    if re.fullmatch(_SEMANTIC, name) and model.panoptic_head.semantic_decoder is None:
        return 'the config has no auxiliary semantic decoder'
    return None
