"""Journals of work that several processes share."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .journal import Journal, read_entries

Shard = tuple[int, int]
"""Which of how many parts of the work, from 0."""


def find_journals(out: Path) -> list[Path]:
    """Return the journals of all processes that write to ``out``."""
    pattern = re.compile(re.escape(out.name) + r'(\.\d+-of-\d+)?\.unfinished')
    return sorted(path for path in out.parent.glob('*') if pattern.fullmatch(path.name))


@contextmanager
def open_journals(
    out: Path, shard: Shard | None, settings: dict[str, Any]
) -> Iterator[tuple[Journal, list[dict[str, Any]]]]:
    """Open the journal of this process; without a shard, keep all others from writing.

    Args:
        out: What is written.
        shard: The part of this process, or None for all that is left.
        settings: What the entries depend on.

    Yields:
        The journal and the entries of the others.

    Raises:
        ValueError: If a journal is in use, damaged or was begun with other settings.
    """
    part = '' if shard is None else '.{}-of-{}'.format(*shard)
    own = out.with_name(f'{out.name}{part}.unfinished')
    with ExitStack() as opened:
        entries = []
        # Before this process begins a journal that would contradict the others.
        for path in find_journals(out):
            if path == own:
                continue
            if shard is None:
                entries += opened.enter_context(Journal(path, settings)).entries
            else:
                entries += read_entries(path, settings)
        yield opened.enter_context(Journal(own, settings)), entries
