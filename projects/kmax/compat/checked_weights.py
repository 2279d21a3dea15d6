"""mmdet's and mmseg's inference API takes any checkpoint, and predicts with random weights.

``init_detector``, ``init_model`` and the inferencers only warn in the log where weights are missing
or have other shapes. A model of this package refuses them, as the commands do.

Upstream: https://github.com/open-mmlab/mmengine (``load_state_dict`` of
``mmengine/runner/checkpoint.py``).
Delete when mmengine refuses checkpoints of other models.
"""

import importlib
from functools import wraps
from inspect import signature
from typing import Any

from mmengine.infer import BaseInferencer

from .rebind import rebind

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


def check_init_model(apis: Any) -> None:
    """Let mmseg's ``init_model`` check its weights."""
    init_model = apis.init_model
    rebind('mmseg', 'init_model', init_model, checked(init_model, 'checkpoint'))


def apply() -> None:
    """Wrap the functions concerned."""
    init_detector = importlib.import_module('mmdet.apis').init_detector
    rebind('mmdet', 'init_detector', init_detector, checked(init_detector, 'checkpoint'))
    BaseInferencer._init_model = checked(BaseInferencer._init_model, 'weights')
