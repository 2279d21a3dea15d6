"""mmdet's and mmseg's inference API takes any checkpoint, and predicts with random weights.

``init_detector``, ``init_model`` and the inferencers only warn in the log where weights are missing
or have other shapes, and so does ``init_cfg`` with ``Pretrained``. A model of this package refuses
them, as the commands do.

Upstream: https://github.com/open-mmlab/mmengine (``load_state_dict`` of
``mmengine/runner/checkpoint.py``).
Delete when mmengine refuses checkpoints of other models.
"""

import importlib
from functools import wraps
from inspect import signature
from typing import Any

from mmengine.infer import BaseInferencer
from mmengine.model import PretrainedInit

from .rebind import rebind

_initialise_unchecked = PretrainedInit.__call__
PACKAGE = __name__.partition('.compat')[0] + '.'


def check(model: Any, checkpoint: Any) -> None:
    """Raise a ValueError if a checkpoint is not one of a model of this package."""
    is_ours = any(type(part).__module__.startswith(PACKAGE) for part in model.modules())
    if is_ours and checkpoint is not None:
        # The engine needs mmdet, which this package lets import.
        weights = importlib.import_module('..engine.weights', __package__)
        weights.check_weights(model, weights.read_weights(str(checkpoint)), str(checkpoint))


def checked(build: Any, argument: str) -> Any:
    """Wrap a function that returns a model with the weights that an argument names."""

    @wraps(build)
    def build_checked(*args: Any, **kwargs: Any) -> Any:
        model = build(*args, **kwargs)
        check(model, signature(build).bind(*args, **kwargs).arguments.get(argument))
        return model

    return build_checked


def check_pretrained(init: PretrainedInit, module: Any) -> None:
    """Raise a ValueError if ``init_cfg`` gives a part of this package another part's weights."""
    if type(module).__module__.startswith(PACKAGE):
        weights = importlib.import_module('..engine.weights', __package__)
        content = weights.read_weights(init.checkpoint)
        prefix = f'{init.prefix.rstrip(".")}.' if init.prefix else ''
        own = {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}
        weights.check_weights(module, own, init.checkpoint, starts=True)


def _initialise(init: PretrainedInit, module: Any) -> None:
    check_pretrained(init, module)
    _initialise_unchecked(init, module)


def check_init_model(apis: Any) -> None:
    """Let mmseg's ``init_model`` check its weights."""
    init_model = apis.init_model
    rebind('mmseg', 'init_model', init_model, checked(init_model, 'checkpoint'))


def apply() -> None:
    """Wrap the functions concerned."""
    init_detector = importlib.import_module('mmdet.apis').init_detector
    rebind('mmdet', 'init_detector', init_detector, checked(init_detector, 'checkpoint'))
    BaseInferencer._init_model = checked(BaseInferencer._init_model, 'weights')
    PretrainedInit.__call__ = _initialise
