"""A model beneath its wrappers, and the names of its parts in checkpoints of others."""

from typing import Any

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import Tensor, nn

from ..models import KMaXSegHead, rename_panoptic_head


def unwrap_model(model: Any) -> Any:
    """Return the model within wrappers for distributed use and for test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def rename_for_model(weights: dict[str, Tensor], model: nn.Module) -> None:
    """Name a panoptic checkpoint's head as mmseg does, in place, if the bare model is mmseg's."""
    if not isinstance(getattr(model, 'decode_head', None), KMaXSegHead):
        return
    for prefix in ('', 'module.'):
        rename_panoptic_head(weights, prefix)
