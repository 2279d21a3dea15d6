"""Metrics that look at one image at a time, beside the model."""

import os
import weakref
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log
from terminaltables import AsciiTable

from ..panoptic.field_types import id_order
from .recent_maps import RECENT_MAPS

MAX_THREADS = 4


def known_label(label: int, num_classes: int, img_id: Any) -> int:
    """Return a predicted label; a ValueError says of which image it is no class."""
    if not 0 <= label < num_classes:
        raise ValueError(
            f'the prediction of image {img_id} holds the label {label}, but the {num_classes} '
            'classes count from 0'
        )
    return label


class ImageMetric(BaseMetric):
    """Examines images in threads while the model predicts the next ones.

    Decoding and counting run outside of Python's lock. Outcomes are kept by image id and averaged
    in the order of the ids: an image that a distributed sampler repeats counts once, and the
    figures do not depend, not even in their last bit, on the number of processes.

    Args:
        classwise: Also print a table of all classes.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results.
    """

    task: ClassVar[str] = ''
    """What it evaluates, ``'instance'`` or ``'semantic'``: ``--all-tasks`` adds no second one."""

    format_only = False
    """Whether predictions are only written, see :class:`FileMetric`."""

    destinations: Sequence[Path] = ()
    """What is written, likewise."""

    _busy: ClassVar[weakref.WeakSet['ImageMetric']] = weakref.WeakSet()

    def __init__(
        self, classwise: bool = False, collect_device: str = 'cpu', prefix: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.classwise = classwise
        self.results: list = []
        self._threads = min(MAX_THREADS, os.cpu_count() or 1)
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[Any, Future]] = deque()

    @abstractmethod
    def examine(self, sample: dict) -> Callable[[], Any]:
        """Take from a data sample what is needed, and return the work to do in a thread.

        Other metrics may change the sample afterwards. The work's result is small and picklable.
        """

    @abstractmethod
    def average(self, outcomes: dict[Any, Any]) -> dict[str, float]:
        """Return the figures, from the results of the work by image id in ascending order."""

    def show_classes(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table with a row per class where it is asked for."""
        if self.classwise:
            table = AsciiTable([('class', *columns), *rows]).table
            print_log('\n' + table, logger=MMLogger.get_current_instance())

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Begin to examine the predictions of one batch.

        Faults of an image are raised here or, at the latest, by :meth:`evaluate`.
        """
        for sample in data_samples:
            work = self.examine(sample)
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads)
                self._busy.add(self)
            self._pending.append((sample['img_id'], self._pool.submit(work)))
            # Predictions that wait take memory.
            while len(self._pending) > self._threads:
                self._finish_oldest()

    def evaluate(self, size: int) -> dict[str, float]:
        """Finish, and return the figures of all processes; every image counts once."""
        try:
            while self._pending:
                self._finish_oldest()
        finally:
            self._pending.clear()
            # Other metrics and the data loader may fork processes: no thread may be alive then.
            for metric in list(self._busy):
                metric._end_threads()
            RECENT_MAPS.clear()
        # mmengine drops results where processes have different numbers of them.
        self.results = [self.results]
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average over pairs of image id and outcome, a list per process."""
        outcomes = {image: outcome for part in results for image, outcome in part}
        return self.average({image: outcomes[image] for image in sorted(outcomes, key=id_order)})

    def _finish_oldest(self) -> None:
        image, future = self._pending.popleft()
        self.results.append((image, future.result()))

    def _end_threads(self) -> None:
        """Wait for the threads; outcomes and faults that wait remain for :meth:`evaluate`."""
        self._busy.discard(self)
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
