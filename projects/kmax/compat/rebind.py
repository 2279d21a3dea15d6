"""Replacing a function that other modules have already imported by name."""

import sys
from typing import Any


def rebind(package: str, name: str, old: Any, new: Any) -> None:
    """Set ``name`` to ``new`` in every loaded module of ``package`` where it is ``old``.

    Args:
        package: Top-level package whose modules are searched.
        name: Attribute to replace.
        old: The object it must be bound to now; other bindings are left alone.
        new: The object to bind instead.
    """
    for module_name, module in list(sys.modules.items()):
        if module_name.partition('.')[0] == package and vars(module).get(name, new) is old:
            setattr(module, name, new)
