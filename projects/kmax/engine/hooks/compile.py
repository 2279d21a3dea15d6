"""Training and testing with a compiled network."""

from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook

from ..compilation import compile_model


@HOOKS.register_module()
class CompileHook(Hook):
    """Compiles the network of the model that trains or is tested, in place.

    It comes after hooks that exchange the model, such as :class:`.FuseHook`.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Any) -> None:
        """Compile the model to train; its validation uses the same."""
        compile_model(runner.model)

    def before_test_epoch(self, runner: Any) -> None:
        """Compile the model to test."""
        compile_model(runner.model)
