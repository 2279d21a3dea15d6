"""mmengine's history of a figure, which does not copy itself, nor wait, for every new value."""

from typing import Any

import numpy as np
from mmengine.logging import HistoryBuffer
from numpy.typing import NDArray

from .step_values import StepValues

Number = int | float


class DeferredHistory(HistoryBuffer):
    """A ``HistoryBuffer`` whose newest values become part of its arrays when these are read.

    mmengine's copies all values of the run whenever one is added. Pickled or copied, as for a
    checkpoint, it is a ``HistoryBuffer``.

    >>> history = DeferredHistory(HistoryBuffer([1.0], [1]))
    >>> history.update(3.0)
    >>> history.mean(2)
    2.0

    Args:
        history: What the history begins with; nothing by default.
    """

    def __init__(self, history: HistoryBuffer | None = None) -> None:
        history = history or HistoryBuffer()
        super().__init__(max_length=history.max_length)
        self._values, self._counts = history.data
        self._new: list[tuple[Number | StepValues, str, int]] = []

    def update(self, log_val: Number, count: int = 1) -> None:
        """Add a value; ``count`` is its weight in means, as in ``HistoryBuffer``."""
        for number in (log_val, count):
            if not isinstance(number, (int, float)):
                raise TypeError(f'{number!r} is no number')
        self._new.append((log_val, '', count))

    def update_later(self, values: StepValues, name: str) -> None:
        """Add the value of a name, which the host may not have yet."""
        self._new.append((values, name, 1))

    def current(self) -> Any:
        """Return the newest value."""
        return _number(*self._new[-1][:2]) if self._new else super().current()

    @property
    def _log_history(self) -> NDArray:
        self._take_new()
        return self._values

    @_log_history.setter
    def _log_history(self, values: NDArray) -> None:
        self._values = values

    @property
    def _count_history(self) -> NDArray:
        self._take_new()
        return self._counts

    @_count_history.setter
    def _count_history(self, counts: NDArray) -> None:
        self._counts = counts

    def _take_new(self) -> None:
        new, self._new = self._new, []
        if new:
            numbers = np.array([_number(value, name) for value, name, _ in new])
            counts = np.array([count for _, _, count in new])
            if len(self._values):
                numbers = np.append(self._values, numbers)
                counts = np.append(self._counts, counts)
            self._values, self._counts = (part[-self.max_length :] for part in (numbers, counts))

    def __reduce__(self) -> tuple:
        return HistoryBuffer, (*self.data, self.max_length)


def _number(value: Number | StepValues, name: str) -> Number:
    return value.fetch()[name] if isinstance(value, StepValues) else value
