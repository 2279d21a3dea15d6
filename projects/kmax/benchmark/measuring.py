"""Seconds, processor time and memory of runs that alternate."""

import ctypes
import gc
import statistics
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MIB = 2**20


@dataclass
class Timing:
    """Seconds of repeated runs: on the clock, and of the processor in all threads."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median on the clock."""
        return statistics.median(self.clock)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.clock) < 2:
            return 0.0
        first, _, last = statistics.quantiles(self.clock, n=4)
        return (last - first) / 2 / self.median

    def summary(self) -> dict[str, float]:
        """Return the figures of a report."""
        return dict(
            median_s=self.median,
            min_s=min(self.clock),
            cpu_s=statistics.median(self.processor),
            spread=self.spread,
        )


def alternate(
    runs: Mapping[str, Callable[[], Any]],
    count: int,
    warmup: int = 1,
    synchronize: Callable[[], None] = lambda: None,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Timing]:
    """Run each in turn, ``count`` times after ``warmup`` turns, so that all meet the same load.

    Args:
        runs: What to run, by name.
        count: Measured runs of each.
        warmup: Runs of each before that.
        synchronize: Waits for the device.
        progress: Is told in a line how far it is.
    """
    timings = {name: Timing() for name in runs}
    for turn in range(-warmup, count):
        progress(f'run {turn + 1} of {count}' if turn >= 0 else 'warm-up')
        for name, run in runs.items():
            synchronize()
            clock, processor = time.perf_counter(), time.process_time()
            run()
            synchronize()
            if turn >= 0:
                timings[name].clock.append(time.perf_counter() - clock)
                timings[name].processor.append(time.process_time() - processor)
    return timings


def measure_peak(run: Callable[[], Any], device: str) -> float | None:
    """Return the most MiB that a run holds beyond what is held before it, or None if unknown.

    On CPUs that is the memory of the process, which Linux tells. The run must have been warmed up,
    and the allocator must give back what is freed.
    """
    gc.collect()
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) / MIB
    if sys.platform != 'linux':
        return None
    with suppress(OSError, AttributeError):
        ctypes.CDLL('libc.so.6').malloc_trim(0)
    try:
        # Sets the high-water mark to what is held now.
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return None
    before = _memory('VmRSS')
    run()
    return _memory('VmHWM') - before


def live_peak(run: Callable[[], Any]) -> float:
    """Return the most MiB of tensors, made by a run, that are alive at once.

    That is what a perfect allocator would hold; operators' own scratch is not seen.
    """
    gc.collect()
    with _LiveTensors() as tensors:
        run()
    return tensors.peak / MIB


class _LiveTensors(TorchDispatchMode):
    """Follows the memory of what operators return."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        given = {_storage_key(x) for x in tree_leaves((args, kwargs)) if torch.is_tensor(x)}
        for tensor in tree_leaves(result):
            if torch.is_tensor(tensor) and _storage_key(tensor) not in given | self._seen:
                self._follow(tensor)
        return result

    def _follow(self, tensor: Tensor) -> None:
        storage, key = tensor.untyped_storage(), _storage_key(tensor)
        size = storage.nbytes()
        self._seen.add(key)
        self.held += size
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.held -= size


def _storage_key(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _memory(name: str) -> float:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) / 1024
    raise OSError(f'/proc/self/status tells no {name}')
