"""What a command does when it is told to end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cleaning_up() -> Iterator[None]:
    """Let SIGTERM end a block as Ctrl-C does: what it holds on the disk is removed first."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        # What was not set from Python has no name.
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
