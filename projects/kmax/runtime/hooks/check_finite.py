"""Stops a training whose loss or weights are no longer numbers."""

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

SHOWN_NAMES = 5


@HOOKS.register_module()
class CheckFiniteHook(Hook):
    """Ends training with an error at the first loss term that is NaN or infinite.

    The terms are read where mmengine has put them for its log on the host anyway, so that no GPU
    is waited for. In a distributed run each process checks its own terms; when one fails, its
    launcher ends the others. What would be saved is checked too, because gradients of a finite loss
    may not be finite and because another process may have had the bad loss.
    """

    # After RuntimeInfoHook has taken the terms, before any hook that saves.
    priority = 'HIGH'

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        """Check the terms of one iteration.

        Raises:
            FloatingPointError: If one is not finite; names the iteration, terms and images.
        """
        scalars = runner.message_hub.log_scalars
        terms = {name: scalars[f'train/{name}'].current() for name in outputs or {}}
        bad = {name: float(value) for name, value in terms.items() if not math.isfinite(value)}
        if bad:
            raise FloatingPointError(
                f'iteration {runner.iter + 1}: '
                + ', '.join(f'{name} is {value}' for name, value in bad.items())
                + f' for the images {", ".join(image_names(data_batch))}; the last checkpoint '
                'was saved before and is not affected'
            )

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check the weights that are about to be saved.

        Raises:
            FloatingPointError: If one is not finite; names the iteration and the weights.
        """
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


def image_names(data_batch: Any) -> list[str]:
    """Return the files of the images in a batch, or what else tells where they are from."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if not isinstance(samples, list):
        return ['(a batch without data_samples)']
    return [
        str(sample.metainfo.get('img_path', sample.metainfo.get('img_id', 'without a name')))
        for sample in samples
    ]
