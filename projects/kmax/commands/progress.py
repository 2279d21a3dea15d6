"""The progress bar of all commands."""

from collections.abc import Iterable
from typing import Any


def show_progress(items: Iterable[Any], title: str, total: int) -> Iterable[Any]:
    """Show a bar on a terminal, else the title and the time at the end."""
    from rich.progress import track

    return track(items, title, total)
