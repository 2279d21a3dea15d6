"""panopticapi, which mmdet needs for panoptic files, is on no package index.

The names that mmdet uses, of the COCO panoptic format (https://cocodataset.org/#panoptic-eval): ids
as colours of a PNG, and panoptic quality (Kirillov et al., CVPR 2019, arXiv 1801.00868, eq. 1).
This module stands for ``panopticapi``, ``panopticapi.utils`` and ``panopticapi.evaluation``.

Upstream: https://github.com/cocodataset/panopticapi.
Delete when a package index holds it and it can be named in the requirements.
"""

import importlib.util
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rebind import rebind

OFFSET = 256**3
VOID = 0


def rgb2id(color: Any) -> Any:
    """Turn a colour, or an ``(H, W, 3)`` RGB image, into the segment id it stands for."""
    if isinstance(color, np.ndarray) and color.ndim == 3:
        red, green, blue = np.moveaxis(color.astype(np.int32), -1, 0)
        return red + 256 * green + 256**2 * blue
    return int(color[0]) + 256 * int(color[1]) + 256**2 * int(color[2])


def id2rgb(id_map: Any) -> Any:
    """Turn an id into a list of 3, or an array of ids ``(H, W)`` into ``(H, W, 3)`` uint8."""
    if not isinstance(id_map, np.ndarray):
        return [id_map // 256**channel % 256 for channel in range(3)]
    ids: NDArray[np.int64] = id_map.astype(np.int64)
    return np.stack([ids // 256**channel % 256 for channel in range(3)], -1).astype(np.uint8)


@dataclass
class PQStatCat:
    """Matches of one category, and the sum of their IoU."""

    iou: float = 0.0
    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __iadd__(self, other: 'PQStatCat') -> 'PQStatCat':
        self.iou += other.iou
        self.tp += other.tp
        self.fp += other.fp
        self.fn += other.fn
        return self

    def quality(self) -> dict[str, float] | None:
        """Return PQ, SQ and RQ, or None for a category that never occurs."""
        total = self.tp + 0.5 * self.fp + 0.5 * self.fn
        if total == 0:
            return None
        sq = self.iou / self.tp if self.tp else 0.0
        return dict(pq=self.iou / total, sq=sq, rq=self.tp / total)


class PQStat:
    """Matches per category id."""

    def __init__(self) -> None:
        self.pq_per_cat: dict[int, PQStatCat] = defaultdict(PQStatCat)

    def __getitem__(self, category: int) -> PQStatCat:
        return self.pq_per_cat[category]

    def __iadd__(self, other: 'PQStat') -> 'PQStat':
        for category, stat in other.pq_per_cat.items():
            self.pq_per_cat[category] += stat
        return self

    def pq_average(
        self, categories: Mapping[int, Mapping[str, Any]], isthing: bool | None
    ) -> tuple[dict[str, float], dict[int, dict[str, float]]]:
        """Average over the categories that occur, of all kinds or only things or only stuff.

        Args:
            categories: Category of each id, with its field ``isthing``.
            isthing: Which kind to average; None for both.

        Returns:
            The means ``pq``, ``sq``, ``rq`` with the number ``n`` of categories averaged, and the
            values per category.
        """
        per_class = {
            category: self.pq_per_cat[category].quality()
            for category, info in categories.items()
            if isthing is None or isthing == (info['isthing'] == 1)
        }
        present = [quality for quality in per_class.values() if quality is not None]
        count = max(len(present), 1)
        means = {key: sum(q[key] for q in present) / count for key in ('pq', 'sq', 'rq')}
        absent = dict(pq=0.0, sq=0.0, rq=0.0)
        return means | dict(n=len(present)), {k: q or dict(absent) for k, q in per_class.items()}


def apply() -> None:
    """Stand for panopticapi where it is not installed, also in an mmdet imported before."""
    if importlib.util.find_spec('panopticapi') is not None:
        return
    module = sys.modules[__name__]
    for name in ('panopticapi', 'panopticapi.utils', 'panopticapi.evaluation'):
        sys.modules[name] = module
    for name in ('rgb2id', 'id2rgb', 'VOID', 'PQStat'):
        rebind('mmdet', name, None, getattr(module, name))
    rebind('mmdet', 'panopticapi', None, module)


utils = evaluation = sys.modules[__name__]
