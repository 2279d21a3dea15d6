"""mmdet's and mmseg's inference API takes any checkpoint, and predicts with random weights.

``init_detector``, ``init_model`` and the inferencers only warn in the log where weights are missing
or have other shapes, and so does ``init_cfg`` with ``Pretrained``. A model of this package refuses
them, as the commands do.

Upstream: https://github.com/open-mmlab/mmengine (``load_state_dict`` of
``mmengine/runner/checkpoint.py``).
Delete when mmengine refuses checkpoints of other models.
"""

import importlib
import os
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any

from .rebind import rebind

PACKAGE = __name__.partition('.compat')[0] + '.'
PATH: ContextVar[str | None] = ContextVar('PATH', default=None)
"""The checkpoint that a call in progress loads."""


def check(model: Any, content: Any, path: str) -> None:
    """Raise a ValueError if a checkpoint is not one of a model of this package."""
    if any(type(part).__module__.startswith(PACKAGE) for part in model.modules()):
        # The engine needs mmdet, which this package lets import.
        weights = importlib.import_module('..engine.weights', __package__)
        weights.check_weights(model, weights.weights_of(content, path), path)


def check_where_loaded() -> None:
    """Check weights before mmengine loads them, which lists hundreds of names that differ."""
    checkpoint = importlib.import_module('mmengine.runner.checkpoint')
    load: Any = checkpoint._load_checkpoint_to_model

    @wraps(load)
    def load_checked(model: Any, content: Any, *args: Any, **kwargs: Any) -> Any:
        path = PATH.get()
        if path is not None:
            check(model, content, path)
        return load(model, content, *args, **kwargs)

    for package in ('mmengine', 'mmdet', 'mmseg'):
        rebind(package, '_load_checkpoint_to_model', load, load_checked)


def checked(build: Any, argument: str) -> Any:
    """Wrap a function that returns a model with the weights that an argument names."""

    @wraps(build)
    def build_checked(*args: Any, **kwargs: Any) -> Any:
        call = signature(build).bind(*args, **kwargs)
        path = call.arguments.get(argument)
        if not isinstance(path, str | os.PathLike | None):
            raise TypeError(f'{argument} is {path!r}, but must be the path of a checkpoint, or URL')
        if path is not None:
            path = call.arguments[argument] = os.fspath(path)
        token = PATH.set(path)
        try:
            return build(*call.args, **call.kwargs)
        finally:
            PATH.reset(token)

    return build_checked


def check_pretrained(init: Any, module: Any) -> None:
    """Raise a ValueError if ``init_cfg`` gives a part of this package another part's weights."""
    if type(module).__module__.startswith(PACKAGE):
        weights = importlib.import_module('..engine.weights', __package__)
        content = weights.read_weights(init.checkpoint)
        prefix = f'{init.prefix.rstrip(".")}.' if init.prefix else ''
        own = {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}
        weights.check_weights(module, own, init.checkpoint, starts=True)


def check_initialisation() -> None:
    """Let ``init_cfg`` with ``Pretrained`` check its weights."""
    init_class: Any = importlib.import_module('mmengine.model.weight_init').PretrainedInit
    initialise_unchecked = init_class.__call__

    def initialise(init: Any, module: Any) -> None:
        check_pretrained(init, module)
        initialise_unchecked(init, module)

    init_class.__call__ = initialise


def check_init_model(apis: Any) -> None:
    """Let mmseg's ``init_model`` check its weights."""
    init_model = apis.init_model
    rebind('mmseg', 'init_model', init_model, checked(init_model, 'checkpoint'))


def check_init_detector() -> None:
    """Let mmdet's ``init_detector`` check its weights."""
    init_detector: Any = importlib.import_module('mmdet.apis').init_detector
    rebind('mmdet', 'init_detector', init_detector, checked(init_detector, 'checkpoint'))


def check_inferencers() -> None:
    """Let the inferencers check their weights."""
    base_class: Any = importlib.import_module('mmengine.infer').BaseInferencer
    base_class._init_model = checked(base_class._init_model, 'weights')
