"""Metrics that write predictions to files."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.dist import is_main_process

from kmax_deeplab.locks import hold, lock_file_of, release

from .export import refuse_foreign
from .image_metric import ImageMetric


class FileMetric(ImageMetric):
    """Writes predictions to files, or gives figures, or both.

    A new metric of this kind is one class, which is registered, names in ``suffixes`` what it
    writes, and has :meth:`examine`, :meth:`publish` and :meth:`figures`; more arguments stand
    before ``**options``, which it hands on. From the class ``--format-only`` knows that it writes,
    and the check of destinations knows where to.

    Args:
        classwise: Also print a table of all classes.
        format_only: Only write the predictions.
        outfile_prefix: First part of the paths to write to; they appear when all images are
            predicted.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results.

    Raises:
        ValueError: When there is nowhere to write to with ``format_only``, or what would be
            replaced is no earlier result.

    Attributes:
        destinations: The path of each of ``suffixes``; none where nothing is written.
    """

    suffixes: ClassVar[tuple[str, ...]]
    """What ``outfile_prefix`` gets at its end: one per file or folder that is written."""

    def __init__(
        self,
        classwise: bool = False,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(classwise, collect_device, prefix)
        if format_only and outfile_prefix is None:
            raise ValueError('format_only=True needs outfile_prefix: where to write predictions')
        self.format_only = format_only
        self.outfile_prefix = outfile_prefix
        suffixes = self.suffixes if outfile_prefix else ()
        self.destinations = [Path(f'{outfile_prefix}{suffix}') for suffix in suffixes]
        refuse_foreign(self.destinations)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Begin to examine a batch; a ValueError says that another run writes to the same files."""
        if is_main_process():
            for path, lock_file in self._lock_files():
                hold(path, lock_file)
        super().process(data_batch, data_samples)

    @abstractmethod
    def publish(self, outcomes: dict[Any, Any]) -> None:
        """Complete what is written, from the results of the work by image id."""

    @abstractmethod
    def figures(self, outcomes: dict[Any, Any]) -> dict[str, float]:
        """Return the figures, from the results of the work by image id."""

    def average(self, outcomes: dict[Any, Any]) -> dict[str, float]:
        """Write where asked; return the figures, none with ``format_only``."""
        if self.destinations:
            self.publish(outcomes)
            release(lock_file for _, lock_file in self._lock_files())
        return {} if self.format_only else self.figures(outcomes)

    def _lock_files(self) -> list[tuple[Path, Path]]:
        """Return what is written, each with the file that tells which run writes it."""
        return [(path, lock_file_of(path)) for path in self.destinations]
