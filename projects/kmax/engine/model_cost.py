"""What a model costs: parameters and multiply-adds, counted without memory or values.

``mmengine.analysis`` agrees, but traces the model, for which its tensors need memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from ..models.detector import KMaXDeepLab


@dataclass
class ModelCost:
    """Cost of one model.

    Attributes:
        size: ``(height, width)`` of the input.
        parameters: Trained parameters without those of the auxiliary semantic decoder, which
            prediction does not need; what papers report.
        parameters_in_training: All trained parameters.
        macs: Multiply-adds of convolutions and matrix products to predict one image's class and
            mask logits.
    """

    size: tuple[int, int]
    parameters: int
    parameters_in_training: int
    macs: int


class _ValuesOfLinspace(TorchFunctionMode):
    """Keeps drop path rates on the CPU, where backbones read them as numbers."""

    def __torch_function__(
        self,
        func: Callable,
        types: Sequence[type],
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.linspace:
            given.setdefault('device', 'cpu')
        return func(*args, **given)


def build_on_meta(config: dict) -> nn.Module:
    """Build a model, of the scope that is set, whose tensors have neither memory nor values."""
    with torch.device('meta'), _ValuesOfLinspace():
        return MODELS.build(config)


def build_detector(config: Config) -> KMaXDeepLab:
    """Build a config's model as :func:`build_on_meta` does; a ValueError where it is another."""
    if 'model' not in config:
        raise ValueError(f'{config.filename} has no model: give the config of a whole model')
    model = build_on_meta(config.model)
    if not isinstance(model, KMaXDeepLab):
        raise ValueError(
            f'{config.filename} is the config of {type(model).__name__}, not KMaXDeepLab'
        )
    return model


def input_size(config: Config) -> tuple[int, int]:
    """Return the ``(height, width)`` to which test images are padded, or ``crop_size``."""
    size = config.model.data_preprocessor.get('pad_size') or config.get('crop_size')
    if size is None:
        raise ValueError(
            f'{config.filename} has neither model.data_preprocessor.pad_size nor crop_size: give '
            'the size of the input'
        )
    return size[0], size[1]


def model_cost(config: Config, size: tuple[int, int] | None = None) -> ModelCost:
    """Count a :class:`KMaXDeepLab`'s parameters and multiply-adds.

    The scope of its registry must be set. ``size`` is the input's ``(height, width)``, by default
    that of the config's test images. A config without such a model or size is a ValueError.
    """
    model = build_detector(config).eval()
    size = size or input_size(config)
    in_training, in_prediction = _count(model), count_parameters(model)
    # Autocast knows no meta device: pretend to be on a CPU.
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), fake:
        model.requires_grad_(False).to_empty(device='cpu')
        with counter:
            model(torch.empty(1, 3, *size), mode='tensor')
    return ModelCost(
        size=size,
        parameters=in_prediction,
        parameters_in_training=in_training,
        macs=counter.get_total_flops() // 2,
    )


def count_parameters(model: nn.Module) -> int:
    """Count a model's trained parameters without those of an auxiliary semantic decoder."""
    head = getattr(model, 'panoptic_head', None)
    auxiliary = getattr(head, 'semantic_decoder', None)
    return _count(model) - (_count(auxiliary) if auxiliary is not None else 0)


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
