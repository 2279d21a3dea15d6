"""Measures the memory of data loading workers over an epoch."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

FIELDS = ('Rss', 'Pss', 'Private')
MIB = 1024


def read_memory(pid: int) -> dict[str, float]:
    """Return the resident, proportional and private memory of a process in MiB.

    Shared pages count in the first; each of n processes is charged 1/n of them in the second.
    """
    lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, rest in (line.split(':') for line in lines)}
    kib['Private'] = kib['Private_Clean'] + kib['Private_Dirty']
    return {field: kib[field] / MIB for field in FIELDS}


def child_pids() -> list[int]:
    """Return the processes this one has started."""
    return [int(pid) for pid in Path(f'/proc/self/task/{os.getpid()}/children').read_text().split()]


def measure_epoch(
    dataset: Any, workers: int, batch_size: int, samples: int, points: int
) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Load at most an epoch; yield the samples, the seconds and a worker's mean memory so far.

    The first of all ``points`` is when every worker has delivered four batches.
    """
    others = set(child_pids())
    loader = DataLoader(
        dataset, batch_size, shuffle=True, num_workers=workers, collate_fn=pseudo_collate
    )
    batches = min(samples // batch_size, len(loader))
    first = min(4 * workers, batches)
    due = [first + (batches - first) * point // (points - 1) for point in range(points)]
    start = time.perf_counter()
    for count, _ in enumerate(loader, start=1):
        if count in due:
            memory = [read_memory(pid) for pid in child_pids() if pid not in others]
            mean = {field: sum(m[field] for m in memory) / len(memory) for field in FIELDS}
            yield count * batch_size, time.perf_counter() - start, mean
        if count == batches:
            break
