"""Checkpoints as mmdet's and mmengine's own tools take them."""

from pathlib import Path
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmengine.config import Config
from torch import Tensor

from kmax_deeplab.atomic_file import open_atomically

from ..engine.hooks.check_classes import check_classes
from .errors import ConversionError, UnwritableError


def dataset_meta(config: Config, model: Any) -> dict[str, Any]:
    """Return classes and palette of a config's test data, which checkpoints carry.

    The data set needs no files. Without classes, or with others than the model's, a ConversionError
    says so.
    """
    given = config.get('test_dataloader', {}).get('dataset')
    if given is None:
        raise ConversionError(
            f'{config.filename} has no test_dataloader, whose data set names the classes: give the '
            'config of a whole model, not one of _base_/models'
        )
    dataset = DATASETS.build({**given, 'lazy_init': True})
    meta = dataset.metainfo
    if 'classes' not in meta:
        raise ConversionError(
            f'the data set {type(dataset).__name__} of {config.filename} names no classes: set '
            'classes, thing_classes and stuff_classes in its metainfo'
        )
    try:
        check_classes(model, dataset)
    except ValueError as error:
        raise ConversionError(f'{config.filename}: {error}') from error
    return meta


def save_checkpoint(path: Path, state: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Write a checkpoint that appears complete or not at all; the same one gives the same bytes.

    ``meta`` is of types that ``torch.load`` reads as weights only.
    """
    try:
        # To a file object: torch would write the name of a file into it.
        with open_atomically(path) as file:
            torch.save(dict(meta=meta, state_dict=state), file)
    # torch ends its archive even then, and raises RuntimeError over the error that says why.
    except (OSError, RuntimeError) as error:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise UnwritableError(f'{path} cannot be written: {cause}') from error
