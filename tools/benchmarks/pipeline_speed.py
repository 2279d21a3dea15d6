"""Times the steps of a training pipeline against the same steps in plain code."""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from .plain_pipeline import PlainPipeline

PASTE = 'KMaXPanopticCopyPaste'


class Stopwatch:
    """Adds up the processor time of named steps, without that of the steps inside them."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def timed(self, name: str, function: Callable[[], Any]) -> Any:
        """Call a function and return its result."""
        self._inner.append(0.0)
        start = time.process_time()
        result = function()
        elapsed = time.process_time() - start
        self.seconds[name] += elapsed - self._inner.pop()
        self._inner[-1] += elapsed
        return result


def watch_transforms(transforms: list, stopwatch: Stopwatch, prefix: str = '') -> None:
    """Time every transform, those of a copy-paste's source pipeline included."""
    for step in transforms:
        _watch(step, stopwatch, prefix + type(step).__name__)
        if hasattr(step, 'source_pipeline'):
            watch_transforms(step.source_pipeline.transforms, stopwatch, 'pasted ')


def _watch(step: Any, stopwatch: Stopwatch, name: str) -> None:
    transform = step.transform
    step.transform = lambda results: stopwatch.timed(name, lambda: transform(results))


def prepare(run: Callable[[int], Any], seed: int, index: int) -> Any:
    """Run a pipeline from a seed."""
    random.seed(seed)
    np.random.seed(seed)
    return run(index)


class Comparison:
    """Differences between samples of the two pipelines."""

    def __init__(self) -> None:
        self.differing = self.beyond_one = self.pixels = 0

    def add(self, packed: dict, plain: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Compare one sample; colours are counted, ids and classes are asserted to be equal."""
        image, ids, labels = plain
        sample = packed['data_samples']
        np.testing.assert_array_equal(sample.gt_panoptic_seg.ids[0].numpy(), ids)
        np.testing.assert_array_equal(sample.gt_segments.labels.numpy(), labels)
        difference = np.abs(packed['inputs'].numpy()[::-1] - image)
        self.pixels += difference.size
        self.differing += int((difference > 0).sum())
        self.beyond_one += int((difference > 1).sum())

    def __str__(self) -> str:
        return (
            f'ids and classes equal; {self.differing / self.pixels:.2e} of the colour values '
            f'differ, {self.beyond_one / self.pixels:.2e} by more than one level'
        )


def measure(dataset: Any, pairs: int) -> tuple[dict[str, dict[str, float]], Comparison | str]:
    """Return milliseconds of each step in three ways, and how results of the first two differ.

    Where a step has no plain counterpart, ours is measured alone, and its name stands for the
    comparison. The transforms of the data set are changed.
    """
    watches = {name: Stopwatch() for name in ('ours', 'plain', 'plain 8-bit')}
    exact = PlainPipeline(dataset, True, watches['plain'].timed)
    rough = PlainPipeline(dataset, False, watches['plain 8-bit'].timed)
    comparison: Comparison | str = Comparison()
    if unknown := exact.unknown_steps():
        comparison = f'not compared: there is no plain {" and no plain ".join(unknown)}'
        watches = {'ours': watches['ours']}
    watch_transforms(dataset.pipeline.transforms, watches['ours'])
    for seed in range(-1, pairs):
        index = seed % len(dataset)
        ours = prepare(dataset.prepare_data, seed + 1, index)
        if isinstance(comparison, Comparison):
            plain = prepare(exact.run, seed + 1, index)
            prepare(rough.run, seed + 1, index)
            comparison.add(ours, plain)
        if seed < 0:  # the first pair warms up
            for watch in watches.values():
                watch.seconds.clear()
    milliseconds = {
        name: {step: 1000 * seconds / pairs for step, seconds in watch.seconds.items()}
        for name, watch in watches.items()
    }
    return milliseconds, comparison


def table(milliseconds: dict[str, dict[str, float]]) -> str:
    """Return the times of all steps and their sums, to be read on a terminal."""
    names = list(milliseconds)
    lines = [f'{"ms per pair":32}' + ''.join(f'{name:>14}' for name in names)]
    for step in milliseconds['ours']:
        times = ''.join(f'{milliseconds[name][step]:14.2f}' for name in names)
        lines.append(f'{step:32}{times}')
    sums = [sum(milliseconds[name].values()) for name in names]
    lines.append(f'{"sum":32}' + ''.join(f'{total:14.2f}' for total in sums))
    lines.append(f'{"times as long as ours":32}' + ''.join(f'{t / sums[0]:14.2f}' for t in sums))
    return '\n'.join(lines)
