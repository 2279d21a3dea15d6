"""What a checkpoint must hold to be resumed from, and what the config then changes."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from ..optimizer_state import check_optimizer_state, follow_config

PARTS = {
    'optimizer': 'the state of the optimiser',
    'param_schedulers': 'the place in the schedule',
    'message_hub': 'the log so far',
}


@HOOKS.register_module()
class CheckResumeHook(Hook):
    """Refuses to resume from a checkpoint that does not hold a training, or another one.

    The optimiser's settings of the config, as its learning rate, replace those of the checkpoint.
    Each is logged.

    ``tools/train.py`` adds it to every training.
    """

    # Before all that change what is loaded.
    priority = 'HIGHEST'

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check a checkpoint before anything of it is used.

        Raises:
            ValueError: If training cannot go on from it.
        """
        if not runner._resume:
            return
        path = runner._load_from
        check_parts(checkpoint, path, has_schedule=runner.param_schedulers is not None)
        # mmengine would run it as code, to compare numbers of GPUs that nothing writes any more.
        checkpoint['meta'].pop('config', None)
        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        if optimizer is not None:
            names = {id(weight): name for name, weight in runner.model.named_parameters()}
            check_optimizer_state(checkpoint, optimizer, names, path)
            follow_config(checkpoint, optimizer, path)
        _tell_finished(runner, checkpoint['meta'], path)


def check_parts(checkpoint: Any, path: str, *, has_schedule: bool = True) -> None:
    """Raise a ValueError if a checkpoint lacks what a training continues with."""
    meta = checkpoint.get('meta')
    if not isinstance(meta, dict) or not {'iter', 'epoch'} <= set(meta):
        raise ValueError(
            f'--resume: checkpoint {path} holds weights only, no iteration to continue at: start a '
            f'training from them with --cfg-options load_from={path}, without --resume'
        )
    needed = [name for name in PARTS if has_schedule or name != 'param_schedulers']
    lacking = [f'{PARTS[name]} ({name})' for name in needed if checkpoint.get(name) is None]
    if lacking:
        raise ValueError(
            f'--resume: checkpoint {path} of iteration {meta["iter"]} lacks {", ".join(lacking)}, '
            'without which training would not go on as it was: resume from another, or start a '
            f'training from its weights with --cfg-options load_from={path}, without --resume'
        )


def _tell_finished(runner: Any, meta: dict[str, Any], path: str) -> None:
    loop = runner.train_loop
    unit = 'epoch' if type(loop).__name__.startswith('Epoch') else 'iter'
    end = getattr(loop, f'max_{unit}s')
    if meta[unit] >= end:
        print_log(
            f'checkpoint {path} is of {unit} {meta[unit]}, and train_cfg.max_{unit}s is {end}: '
            f'the training is finished, nothing is left to train; make max_{unit}s larger to go on',
            logger='current',
            level=logging.WARNING,
        )
