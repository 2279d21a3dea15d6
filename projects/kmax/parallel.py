"""Work on many files in several processes."""

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

import cv2

Item = TypeVar('Item')
Result = TypeVar('Result')

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]
"""Shows the progress of an iterable with a title and a length."""


def run_parallel(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Yield the results in order; an error or death of a worker process is raised here.

    Workers end with this process, also where it is killed.

    Args:
        function: Picklable, such as a partial of a module's function.
        items: What to call it with.
        workers: Number of processes; with 1 the work is done in this one.
    """
    if workers == 1:
        yield from map(function, items)
        return
    # Before the fork: in a child, OpenCV would wait for its parent's threads for ever.
    cv2.setNumThreads(1)
    # A child whose collector looks at what it has from its parent would get a copy of all of it.
    gc.freeze()
    try:
        with ProcessPoolExecutor(workers, initializer=_end_with_parent) as pool:
            yield from pool.map(function, items, chunksize=16)
    finally:
        gc.unfreeze()


def _end_with_parent() -> None:
    """Let this worker end when its parent is killed; it would wait for work for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
