"""The progress bar of all commands."""

from collections.abc import Iterable
from typing import Any

from rich.progress import track


def show_progress(items: Iterable[Any], title: str, total: int) -> Iterable[Any]:
    """Show a bar on a terminal, else the title and the time at the end."""
    return track(items, title, total)
