"""A runner that says on the terminal what it does, all that it was given in its log file, and
which data worker keeps it waiting."""

import logging
import warnings
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch.utils.data import DataLoader

from kmax_deeplab.atomic_file import naming

from .data_workers import watch
from .log_files import keep_scalars_whole, outlive_full_disk

AT_LENGTH = (
    'Config:\n',
    'Hooks will be executed in the following order',
    'Distributed training is not used, all SyncBatchNorm',
    # How mmengine's hooks call mmengine.
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)

OF_MMENGINE = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')
"""The default hooks that it has by itself."""


class BriefRunner(Runner):
    """mmengine's runner; environment, config and order of hooks, some 300 lines, are in the log."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            # By default configs draw nothing; mmseg's hook then says that it does nothing.
            warnings.filterwarnings('ignore', 'The draw is False')
            super().__init__(*args, **kwargs)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger, whose handler of the terminal leaves out what is long."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                outlive_full_disk(handler)
            if isinstance(handler, logging.FileHandler):
                logger.info(f'environment, config and hooks are in {handler.baseFilename}')
            else:
                handler.addFilter(is_brief)
        return logger

    @staticmethod
    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        """Build a data loader that waits for its workers no longer than its timeout."""
        return watch(Runner.build_dataloader(*args, **kwargs))

    def build_visualizer(self, *args: Any, **kwargs: Any) -> Visualizer:
        """Build the visualizer, whose local files outlive a full disk."""
        visualizer = super().build_visualizer(*args, **kwargs)
        keep_scalars_whole(visualizer)
        return visualizer

    def _init_model_weights(self) -> None:
        """Initialise the weights, of which mmengine writes to the log file by itself."""
        with naming(Path(self._log_dir, f'{self.timestamp}.log')):
            super()._init_model_weights()

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call all hooks, which find the weights of a checkpoint in ``state_dict``.

        mmengine takes a file of weights alone too, and such as a wrapper named, but its
        ``EMAHook`` fails for the one, and for the other averages, or tests, new weights.
        """
        if fn_name == 'after_load_checkpoint':
            checkpoint = kwargs['checkpoint']
            if 'state_dict' not in checkpoint:
                weights = dict(checkpoint)
                checkpoint.clear()
                checkpoint['state_dict'] = weights
            weights = checkpoint['state_dict']
            for name in [name for name in weights if name.startswith('module.')]:
                weights[name.removeprefix('module.')] = weights.pop(name)
        super().call_hook(fn_name, **kwargs)

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Register the default hooks; None leaves any of them out, mmengine's only its own."""
        kept = {name: hook for name, hook in (hooks or {}).items() if hook or name in OF_MMENGINE}
        super().register_default_hooks(kept)

    def dump_config(self) -> None:
        """Write the config, or say which file cannot be written."""
        with naming(Path(self.work_dir, Path(self.cfg.filename or f'{self.timestamp}.py').name)):
            super().dump_config()


def is_brief(record: logging.LogRecord) -> bool:
    """Tell whether a line is one for the terminal."""
    message = record.getMessage()
    return not (message.startswith(AT_LENGTH) or 'System environment:' in message)
