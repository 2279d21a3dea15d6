"""The lines of the training log."""

import resource
import sys
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner import LogProcessor


@LOG_PROCESSORS.register_module()
class KMaXLogProcessor(LogProcessor):
    """mmengine's lines with images per second and, where no GPU is, the memory of the process.

    Args:
        window_size: Iterations over which losses and times are averaged.
        by_epoch: Whether to count epochs.
        mean_pattern: What is averaged; the norm of the gradients, measured once per line, is not.
        **kwargs: Further arguments of mmengine's ``LogProcessor``.
    """

    def __init__(
        self,
        window_size: int = 10,
        by_epoch: bool = True,
        mean_pattern: str = r'.*(loss|time).*',
        **kwargs: Any,
    ) -> None:
        super().__init__(window_size, by_epoch, mean_pattern=mean_pattern, **kwargs)

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Return the values of an iteration by name, and its line."""
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        if mode != 'train':
            return tag, line
        seconds = tag.get('train/time' if self.log_with_hierarchy else 'time', 0)
        if seconds > 0:
            batch_size = runner.train_dataloader.batch_sampler.batch_size
            tag['images_per_second'] = batch_size * get_world_size() / float(seconds)
            line += f'  images/s: {tag["images_per_second"]:.2f}'
        if not torch.cuda.is_available():
            tag['memory'] = peak_memory()
            line += f'  memory: {tag["memory"]}'
        return tag, line


def peak_memory() -> int:
    """Return the most memory this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux KiB.
    return peak // (2**20 if sys.platform == 'darwin' else 2**10)
