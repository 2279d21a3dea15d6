"""Does something when a module is imported, whoever imports it and whenever.

What mends or extends another package needs it loaded. To load all of them at once takes seconds,
which even ``--help`` would cost.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

AFTER: dict[str, list[Callable[[], None]]] = {}
"""What is called once a module is imported."""

AROUND: dict[str, list[Callable[[], AbstractContextManager]]] = {}
"""In what a module is imported."""


class Finder:
    """Finds as the others do, and lets the loader of a module that is awaited call what waits."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where an awaited module is, as ``sys.meta_path`` asks; None for all others."""
        if name not in AFTER and name not in AROUND:
            return None
        # One of an earlier import of this package would ask this one again.
        others = [finder for finder in sys.meta_path if _name(finder) != _name(Finder)]
        found = (other.find_spec(name, path, target) for other in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _hook(spec.loader, name)
        return spec


def _name(finder: Any) -> tuple[str, str]:
    kind = finder if isinstance(finder, type) else type(finder)
    return kind.__module__, kind.__qualname__


def _hook(loader: Any, name: str) -> None:
    execute = loader.exec_module

    def execute_hooked(module: ModuleType) -> None:
        with ExitStack() as stack:
            for context in AROUND.get(name, ()):
                stack.enter_context(context())
            execute(module)
        for call in AFTER.get(name, ()):
            call()

    # The loader is made for this one import; to wrap it would hide what else it can do.
    loader.exec_module = execute_hooked


def after_import(name: str, call: Callable[[], None]) -> None:
    """Call a function once a module is imported: now, where it is already."""
    _watch()
    AFTER.setdefault(name, []).append(call)
    if name in sys.modules:
        call()


def around_import(name: str, context: Callable[[], AbstractContextManager]) -> None:
    """Import a module within a context; one that is imported already stays as it is."""
    _watch()
    AROUND.setdefault(name, []).append(context)


def _watch() -> None:
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
