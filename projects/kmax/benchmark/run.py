"""A whole benchmark: contestants, their cost, memory, stages and speed, and their outputs."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mmcv
import mmdet
import mmengine
import torch
from mmengine.config import Config

from ..runtime.malloc import keep_freed_memory
from .comparison import Difference, compare
from .conditions import Conditions
from .contestant import Contestant
from .measuring import alternate, measure_peak

OURS, PEER, PLAIN = 'ours', 'peer', 'plain'
STAGE_RUNS = 3


@dataclass
class Entry:
    """A model that takes part.

    Attributes:
        config: Its config.
        weights: Its checkpoint, or None for random weights.
    """

    config: Config
    weights: str | None = None

    @property
    def title(self) -> str:
        """Its name in tables."""
        return Path(self.config.filename).stem


@dataclass
class Benchmark:
    """What a benchmark found.

    Attributes:
        conditions: The work.
        titles: Name of the config of each contestant: ``'ours'``, ``'peer'``, and ``'plain'`` for
            ours neither fused nor compiled nor in lower precision.
        figures: For each ``median_s``, ``min_s``, ``cpu_s``, ``spread``, ``images_per_s``,
            ``peak_mib``, ``parameters_m``, ``gmacs``, and in ``stages`` seconds by part.
        differences: What tells the outputs of ours from those of others, where they are comparable.
        machine: Processor, device, threads, versions, and the load before and after.
    """

    conditions: Conditions
    titles: dict[str, str]
    figures: dict[str, dict[str, Any]]
    differences: dict[str, Difference]
    machine: dict[str, Any] = field(default_factory=dict)

    def ratio(self, other: str, figure: str = 'median_s') -> float | None:
        """Return a figure of ours in relation to another's."""
        if other not in self.figures or not self.figures[other].get(figure):
            return None
        return self.figures[OURS][figure] / self.figures[other][figure]

    @property
    def equal(self) -> bool | None:
        """Whether outputs are equal to all those that are comparable; None if none is."""
        if not self.differences:
            return None
        return all(difference.equal for difference in self.differences.values())


def run_benchmark(
    ours: Entry,
    peer: Entry | None,
    conditions: Conditions,
    runs: int,
    warmup: int,
    progress: Callable[[str], None],
) -> Benchmark:
    """Measure a model, a peer if there is one, and ours as it is if the conditions change it.

    Raises:
        ValueError: If one is no panoptic model or its checkpoint is another's.
        RuntimeError: If it is to be compiled and cannot be.
    """
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else None
    entries = {OURS: (ours, conditions)}
    if conditions != conditions.plain:
        entries[PLAIN] = ours, conditions.plain
    if peer is not None:
        entries[PEER] = peer, conditions
    contestants: dict[str, Contestant] = {}
    figures: dict[str, dict[str, Any]] = {}
    differences: dict[str, Difference] = {}
    for name, (entry, own_conditions) in entries.items():
        progress(f'building {name}')
        contestant = Contestant.build(name, entry.config, own_conditions, entry.weights)
        figures[name] = contestant.cost()
        contestant.prepare()
        contestants[name] = contestant
    for name in [name for name in contestants if name != OURS]:
        progress(f'comparing the outputs of {name}')
        difference = compare(contestants[OURS], contestants[name])
        if difference is not None:
            differences[name] = difference
    for name, contestant in contestants.items():
        progress(f'memory of {name}')
        contestant.run()
        figures[name]['peak_mib'] = measure_peak(contestant.run, conditions.device)
    # Not before, as the memory that it keeps could not be measured.
    keep_freed_memory()
    for name, contestant in contestants.items():
        progress(f'stages of {name}')
        figures[name]['stages'] = contestant.stages(min(runs, STAGE_RUNS))
    timings = alternate(
        {name: contestant.run for name, contestant in contestants.items()},
        runs,
        warmup,
        conditions.synchronize,
        progress,
    )
    for name, timing in timings.items():
        figures[name].update(timing.summary())
        figures[name]['images_per_s'] = conditions.batch / timing.median
    titles = {name: entry.title for name, (entry, _) in entries.items()}
    return Benchmark(conditions, titles, figures, differences, describe_machine(conditions, load))


def describe_machine(conditions: Conditions, load: float | None) -> dict[str, Any]:
    """Return what figures depend on, with the load (running processes) before and now."""
    on_gpu = torch.device(conditions.device).type == 'cuda'
    return dict(
        processor=_processor(),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(conditions.device) if on_gpu else conditions.device,
        load_before=load,
        load_after=os.getloadavg()[0] if load is not None else None,
        versions={'python': platform.python_version(), **_versions()},
    )


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        return next(line.partition(': ')[2] for line in lines if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    # Their distributions go by several names.
    return {module.__name__: module.__version__ for module in (torch, mmcv, mmdet, mmengine)}
