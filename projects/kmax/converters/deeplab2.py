"""Checkpoints of the original: segmentation, or ImageNet weights of a backbone."""

import re
from collections.abc import Collection
from typing import Any

from torch import Tensor

from .class_order import class_ids
from .conversion import BACKBONE_ONLY, NO_SEMANTIC_DECODER, Plan, first_match
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

    A checkpoint without a pixel decoder is one of ImageNet weights: only its encoder is used. The
    variables may lack TensorFlow's suffix.
    """
    names = [_canonical(key) for key in keys]
    of_names = Names(names)
    with_head = any(name.startswith('pixel_decoder/') for name in names)
    return Plan.by_rules(
        keys,
        lambda key: of_names[_canonical(key)],
        lambda key: _reason_to_leave_out(_canonical(key), with_head, model),
        {} if with_head else BACKBONE_ONLY,
    )


def layout(key: str, value: Tensor) -> Tensor:
    """Bring a variable into our layout."""
    return torch_layout(_canonical(key), value)


def class_rows(plan: Plan, model: Any) -> dict[str, list[int]]:
    """Return the row of each of our classes in the semantic head, which follows the data set's ids.

    The class heads have our order.
    """
    layers = [key for key in plan.targets if _canonical(key).startswith('semantic_last_layer/')]
    if not layers:
        return {}
    head = model.panoptic_head
    ids = class_ids(head.num_things_classes, head.num_stuff_classes)
    return dict.fromkeys(layers, ids.semantic_order)


def _canonical(key: str) -> str:
    name = key.removesuffix(SUFFIX)
    for start, ours in _ENCODERS.items():
        if re.match(start, name):
            return re.sub(start, ours, name, count=1)
    return name


def _reason_to_leave_out(name: str, with_head: bool, model: Any) -> str | None:
    reason = first_match(_LEFT_OUT, name)
    if reason:
        return reason
    if not with_head and not name.startswith('encoder/'):
        return 'not of the encoder: the classifier on ImageNet'
    if re.fullmatch(_SEMANTIC, name) and model.panoptic_head.semantic_decoder is None:
        return NO_SEMANTIC_DECODER
    return None
