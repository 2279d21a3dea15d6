"""Warnings of annotations that contradict their PNGs: figures are panopticapi's all the same."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from kmax_deeplab.id_runs import Overlaps

from ..panoptic.comparison import find_count_faults
from ..panoptic.faults import FaultKind


class Doubts:
    """Warns of the first contradiction of each kind in a set of annotations."""

    def __init__(self, ann_file: str | Path) -> None:
        self.ann_file = ann_file
        self._warned: set[FaultKind] = set()
        self._lock = Lock()

    def look(
        self, overlaps: Overlaps, segments: Iterable[Mapping[str, Any]], png: Path, image_id: Any
    ) -> None:
        """Compare the pixels of one annotated PNG, the first map of ``overlaps``, with its JSON."""
        areas: Counter[int] = Counter()
        for (gt_id, _), pixels in overlaps.items():
            areas[gt_id] += pixels
        image = f'image {image_id} in {self.ann_file}'
        for fault in find_count_faults(areas, segments, png, image):
            with self._lock:  # Images are examined in threads.
                is_first = fault.kind not in self._warned
                self._warned.add(fault.kind)
            if is_first:
                warnings.warn(
                    f'{fault.kind.value}: {fault.message}. Figures are computed all the same, as '
                    'panopticapi does; tools/check_dataset.py lists all.',
                    stacklevel=2,
                )
