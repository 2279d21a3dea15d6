"""Says in the log of a training what is legitimate in its data but worth knowing."""

import logging
import warnings
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from ...datasets.data_warnings import find_warnings, warn_of_excess
from ...faults import Fault, FaultKind
from ..model_parts import unwrap_model


@HOOKS.register_module()
class WarnAboutDataHook(Hook):
    """Logs the first warning of each kind that ``tools/check_dataset.py`` lists.

    What annotations tell is logged before the first iteration, not again when a training is
    resumed; images with more segments than the model has queries when one comes, as it is after its
    augmentation. Only the number of labels is read, no GPU and no other process is waited for:
    processes whose messages no log has write theirs to stderr.
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


def find_num_queries(model: Any) -> int | None:
    """Return the number of queries of a model; None for models of another kind."""
    decoder: Any = getattr(getattr(model, 'panoptic_head', None), 'transformer_decoder', None)
    return getattr(decoder, 'num_queries', None)


def _log(fault: Fault) -> None:
    message = (
        f'{fault.kind.value}: {fault.message}. Training goes on; tools/check_dataset.py lists all.'
    )
    if is_main_process():
        print_log(message, logger='current', level=logging.WARNING)
    else:
        warnings.warn(message, stacklevel=2)
