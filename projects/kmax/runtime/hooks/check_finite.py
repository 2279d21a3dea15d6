"""Stops a training whose loss or weights are no longer numbers."""

import math
from collections import deque
from typing import Any, NamedTuple

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from ..step_values import StepValues

SHOWN_NAMES = 5


class _Step(NamedTuple):
    iteration: int
    values: StepValues
    images: list[str]


@HOOKS.register_module()
class CheckFiniteHook(Hook):
    """Ends training with an error at the first loss term that is NaN or infinite.

    The terms of a step are checked when they have come to the host: on a CPU at once, on a GPU by
    themselves, which is mostly one step later; before anything is saved or validated the check
    waits for them. In a distributed run each process checks its own terms; when one fails, its
    launcher ends the others. What would be saved is checked too, because gradients of a finite loss
    may not be finite and because another process may have had the bad loss.
    """

    # Before any hook that saves.
    priority = 'HIGH'

    def __init__(self) -> None:
        self._unchecked: deque[_Step] = deque()

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Check the terms of the steps whose terms have come.

        Raises:
            FloatingPointError: If one is not finite; names the iteration, terms and images.
        """
        values = StepValues(outputs or {})
        self._unchecked.append(_Step(runner.iter + 1, values, image_names(data_batch)))
        while self._unchecked and self._unchecked[0].values.are_there():
            _check_terms(self._unchecked.popleft())

    def before_val(self, runner: Any) -> None:
        """Check the terms of all steps so far."""
        self._check_all()

    def after_train(self, runner: Any) -> None:
        """Check the terms of all steps."""
        self._check_all()

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check the terms of all steps so far and the weights that are about to be saved.

        Raises:
            FloatingPointError: If one is not finite; names the iteration and the weights.
        """
        self._check_all()
        bad = [
            name
            for name, value in checkpoint['state_dict'].items()
            if torch.is_tensor(value) and not torch.isfinite(value).all()
        ]
        if bad:
            shown = ', '.join(bad[:SHOWN_NAMES]) + (', ...' if len(bad) > SHOWN_NAMES else '')
            raise FloatingPointError(
                f'iteration {checkpoint["meta"]["iter"]}: {len(bad)} weights are NaN or infinite '
                f'and are not saved: {shown}'
            )

    def _check_all(self) -> None:
        while self._unchecked:
            _check_terms(self._unchecked.popleft())


def _check_terms(step: _Step) -> None:
    bad = {name: value for name, value in step.values.fetch().items() if not math.isfinite(value)}
    if bad:
        raise FloatingPointError(
            f'iteration {step.iteration}: '
            + ', '.join(f'{name} is {value}' for name, value in bad.items())
            + f' for the images {", ".join(step.images)}; the last checkpoint was saved before '
            'and is not affected'
        )


def image_names(data_batch: Any) -> list[str]:
    """Return the files of the images in a batch, or what else tells where they are from."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not isinstance(samples, list):
        return ['(a batch without data_samples)']
    return [
        str(sample.metainfo.get('img_path', sample.metainfo.get('img_id', 'without a name')))
        for sample in samples
    ]
