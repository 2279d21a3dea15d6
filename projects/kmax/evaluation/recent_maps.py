"""Annotated maps in memory while the metrics of one run look at them."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 48 * 2**20
"""What they may take: 6 images of Cityscapes, 40 of COCO; larger batches are decoded again."""


@dataclass
class _Slot:
    """Place of one map; the lock is held while it is read."""

    lock: Any = field(default_factory=Lock)
    ids: NDArray[np.uint32] | None = None


class RecentMaps:
    """Maps of segment ids, each read by the first who asks for it; the oldest ones are dropped.

    Metrics look at the same batch one after the other, in threads of their own.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots: dict[Hashable, _Slot] = {}
        self._sizes: deque[tuple[Hashable, int]] = deque()
        self._bytes = 0

    def get(self, key: Hashable, read: Callable[[], NDArray[np.uint32]]) -> NDArray[np.uint32]:
        """Return a map ``(H, W)``, which must not be changed; it is read unless it is kept.

        Errors of ``read`` reach everyone who asks.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if slot.ids is None:
                ids = read()
                ids.flags.writeable = False
                slot.ids = ids
                self._make_room(key, ids.nbytes)
            return slot.ids

    def clear(self) -> None:
        """Drop all maps."""
        with self._lock:
            self._slots.clear()
            self._sizes.clear()
            self._bytes = 0

    def _make_room(self, key: Hashable, size: int) -> None:
        with self._lock:
            self._sizes.append((key, size))
            self._bytes += size
            while self._bytes > MAX_BYTES:
                oldest, freed = self._sizes.popleft()
                self._slots.pop(oldest, None)
                self._bytes -= freed


RECENT_MAPS = RecentMaps()
"""Those of this process."""
