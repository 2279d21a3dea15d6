"""Predicting by a folded copy of the model."""

import copy
from typing import Any

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper

from ...models.folded_model import MakesFolded


@HOOKS.register_module()
class FuseHook(Hook):
    """Lets a test run by the model's folded copy, within the same wrappers.

    It comes after hooks that exchange weights for the test, such as mmengine's ``EMAHook``.
    """

    priority = 'VERY_LOW'

    def before_test_epoch(self, runner: Any) -> None:
        """Replace the model by its copy; the checkpoint is loaded."""
        runner.model = fold_within(runner.model)


def fold_within(model: Any) -> Any:
    """Return the folded copy of a model, in wrappers for distribution and test-time augmentation.

    Raises:
        ValueError: If it is not kMaX.
    """
    if is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        wrapper = copy.copy(model)
        wrapper._modules = {**model._modules, 'module': fold_within(model.module)}
        return wrapper
    if not isinstance(model, MakesFolded):
        raise ValueError(
            f'--fuse needs KMaXDeepLab or KMaXEncoderDecoder, and the model of the config is '
            f'{type(model).__name__}'
        )
    return model.fold()
