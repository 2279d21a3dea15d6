"""Checkpoints of panoptic models in models of mmseg, which name the head otherwise."""

from collections.abc import MutableMapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook

from .seg_head import KMaXSegHead

PANOPTIC_HEAD = 'panoptic_head.'


def rename_panoptic_head(
    weights: MutableMapping[str, Tensor], prefix: str = '', *_: Any, name: str
) -> None:
    """Give the weights of a panoptic model's head another name, in place.

    Args:
        weights: Tensors by name.
        prefix: What the names of the model's weights start with.
        name: The head's new name.
    """
    start = prefix + PANOPTIC_HEAD
    for old in [key for key in weights if key.startswith(start)]:
        weights[f'{prefix}{name}.{old.removeprefix(start)}'] = weights.pop(old)


def _rename_at_loading(parent: nn.Module, name: str, child: nn.Module | None) -> None:
    """Let a model that is given the head load panoptic checkpoints, too.

    The head itself is only shown weights that have its name already.
    """
    if isinstance(child, KMaXSegHead):
        parent._register_load_state_dict_pre_hook(partial(rename_panoptic_head, name=name))


register_module_module_registration_hook(_rename_at_loading)
