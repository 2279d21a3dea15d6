"""Where the time of a run goes, by parts of a model."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from torch import nn

from ..models import KMaXHead

Place = tuple[Any, str]
"""An object and the name of its method."""

MODULES = {
    'data_preprocessor': 'preprocessing',
    'backbone': 'backbone',
    'neck': 'neck',
    'panoptic_head.pixel_decoder': 'pixel decoder',
    'panoptic_head.transformer_decoder': 'transformer decoder',
    'panoptic_head.semantic_decoder': 'semantic decoder',
    'panoptic_head.criterion': 'criterion',
}
HEADS = {
    'panoptic_head': 'rest of the head',
    'rpn_head': 'region proposals',
    'roi_head': 'regions',
    'semantic_head': 'semantic head',
}
MERGE, REST = 'resize and merge', 'rest'


@contextmanager
def replaced(owner: Any, method: str, other: Callable) -> Iterator[None]:
    """Let an object have another method in the block."""
    own = owner.__dict__.get(method)
    owner.__dict__[method] = other
    try:
        yield
    finally:
        del owner.__dict__[method]
        if own is not None:
            owner.__dict__[method] = own


class StageClock:
    """Splits the time of runs into stages; what a stage calls of another is not its own.

    Args:
        synchronize: Waits for the device, so that each stage bears its own time.
    """

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._synchronize = synchronize
        self._open: list[str] = []
        self._last = 0.0

    @contextmanager
    def watch(self, places: dict[Place, str]) -> Iterator[None]:
        """Count the time of some methods for stages, in the block."""
        with ExitStack() as stack:
            for (owner, method), stage in places.items():
                timed = self._timed(getattr(owner, method), stage)
                stack.enter_context(replaced(owner, method, timed))
            with self.stage(REST):
                yield

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block for a stage."""
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def _book(self) -> None:
        self._synchronize()
        now = time.perf_counter()
        if self._open:
            stage = self._open[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def _timed(self, method: Callable, stage: str) -> Callable:
        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage):
                return method(*args, **kwargs)

        return timed


def stages_of(model: nn.Module) -> dict[Place, str]:
    """Return the methods of a panoptic model that make up its stages."""
    named = dict(model.named_modules())
    places: dict[Place, str] = {
        (named[path], 'forward'): stage for path, stage in MODULES.items() if path in named
    }
    for path, stage in HEADS.items():
        for method in ('predict', 'loss'):
            if hasattr(named.get(path), method):
                places[named[path], method] = stage
    head = named.get('panoptic_head')
    if head is not None and not isinstance(head, KMaXHead):
        # Its predict calls it, and brings the masks to the input's size.
        places[head, 'forward'], places[head, 'predict'] = HEADS['panoptic_head'], MERGE
    if 'panoptic_fusion_head' in named:
        places[named['panoptic_fusion_head'], 'predict'] = MERGE
    return places
