"""Journals of work that several processes share."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kmax_deeplab.locks import one_at_a_time

from ..journal import Journal, read_entries

Shard = tuple[int, int]
"""Which of how many parts of the work, from 0."""


@contextmanager
def open_journals(
    out: Path, shard: Shard | None, settings: dict[str, Any]
) -> Iterator[tuple[Journal, list[dict[str, Any]]]]:
    """Open the journal of this process, if it may work beside those that are alive.

    A shard may work beside the other shards of the same number; a process without a shard must be
    the only one. Of processes that ended, the journals are read whatever their part was. Yields the
    journal and the entries of the others. A ValueError says that a journal is in use, damaged or
    was begun with other settings.
    """
    part = '' if shard is None else '.{}-of-{}'.format(*shard)
    own = out.with_name(f'{out.name}{part}.unfinished')
    with ExitStack() as opened:
        entries = []
        with _gate(out):
            # Before this process begins a journal that would contradict the others.
            for path in find_journals(out):
                if path == own:
                    continue
                if shard is None:
                    entries += opened.enter_context(Journal(path, settings)).entries
                else:
                    entries += read_entries(path, settings, _is_shard(path, out, shard[1]))
            journal = opened.enter_context(Journal(own, settings))
        yield journal, entries


def remove_journals(out: Path) -> None:
    """Remove the journals of all processes that wrote to ``out``."""
    with _gate(out):
        for path in find_journals(out):
            path.unlink(missing_ok=True)


def _gate(out: Path) -> AbstractContextManager[None]:
    """Let processes look at the journals and begin or remove theirs one after another."""
    return one_at_a_time(out.with_name(f'{out.name}.unfinished.lock'))


def find_journals(out: Path) -> list[Path]:
    """Return the journals of all processes that write to ``out``, or wrote and were killed."""
    pattern = re.compile(re.escape(out.name) + r'(\.\d+-of-\d+)?\.unfinished')
    return sorted(path for path in out.parent.glob('*') if pattern.fullmatch(path.name))


def _is_shard(path: Path, out: Path, number: int) -> bool:
    """Tell whether a journal is that of one of so many shards."""
    pattern = rf'{re.escape(out.name)}\.\d+-of-{number}\.unfinished'
    return re.fullmatch(pattern, path.name) is not None
