"""Warnings about the training data, in the log of the training."""

import inspect
import logging
import warnings
from collections.abc import Iterator
from itertools import chain
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from ...datasets.panoptic import survey_datasets
from ...models.transformer_decoder import KMaXTransformerDecoder
from ...panoptic.faults import Fault, FaultKind
from ...panoptic.survey import find_common_warnings, warn_of_excess
from ..model_parts import unwrap_model


@HOOKS.register_module()
class WarnAboutDataHook(Hook):
    """Logs what is unusual in the training data; training goes on.

    Before the first iteration, the main process looks through the annotations of the training and
    the validation data and logs the first warning of each kind: an image of nothing but void or
    crowd, a class without a segment, a validation image that is trained on. A resumed training has
    logged them before and does not look again.

    In every iteration, each process counts the segments of the images that it draws, as they are
    after augmentation. The first image with more segments than the model has queries is logged by
    the main process; the others write theirs to stderr, as no log has it. Then the process stops
    counting. It reads only the length of the labels and waits for no GPU and no other process.

    ``tools/check_dataset.py`` lists all warnings, not only the first of each kind.
    """

    def before_train(self, runner: Any) -> None:
        """Look through the annotations."""
        self._num_queries = find_num_queries(unwrap_model(runner.model))
        if not is_main_process() or runner.iter > 0:
            return
        val = None if runner.val_loop is None else runner.val_loop.dataloader.dataset
        logged: set[FaultKind] = set()
        for fault in find_warnings(runner.train_loop.dataloader.dataset, val):
            if fault.kind not in logged:
                _log(fault)
            logged.add(fault.kind)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Count the segments of each image, until one has too many."""
        if self._num_queries is None:
            return
        samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
        for sample in samples if isinstance(samples, list) else []:
            count = len(sample.gt_segments.labels) if 'gt_segments' in sample else 0
            if count > self._num_queries:
                _log(warn_of_excess(sample.metainfo, count, self._num_queries))
                self._num_queries = None
                return


def find_warnings(train: Any, val: Any = None) -> Iterator[Fault]:
    """Yield what the annotations of the training data and of validation give reason for."""
    surveys = survey_datasets(train)
    yield from chain(*(survey.warnings for survey in surveys))
    yield from find_common_warnings(surveys, survey_datasets(val))


def find_num_queries(model: Any) -> int | None:
    """Return the queries of a model or of one in a config; None for models of another kind."""
    decoder = _part(_part(model, 'panoptic_head'), 'transformer_decoder')
    if isinstance(decoder, dict):
        default = inspect.signature(KMaXTransformerDecoder).parameters['num_queries'].default
        return decoder.get('num_queries', default)
    return getattr(decoder, 'num_queries', None)


def _part(model: Any, name: str) -> Any:
    return model.get(name) if isinstance(model, dict) else getattr(model, name, None)


def _log(fault: Fault) -> None:
    message = (
        f'{fault.kind.value}: {fault.message}. Training goes on; tools/check_dataset.py lists all.'
    )
    if is_main_process():
        print_log(message, logger='current', level=logging.WARNING)
    else:
        warnings.warn(message, stacklevel=2)
