"""Keeps the host's memory allocator from returning what the next step needs again.

glibc maps every tensor beyond 32 MiB anew and unmaps it when it is freed, so that each step of a
training on CPUs waits for the kernel to zero the same pages. With these settings freed memory stays
in the process.
"""

import ctypes
import sys
from typing import Any

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER = 2**31 - 1
TOP_PAD = 64 * 2**20


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed and tell whether it will; elsewhere nothing happens."""
    mallopt = _find_mallopt()
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_TOP_PAD, TOP_PAD))
    return all([mallopt(name, value) == 1 for name, value in settings])


def _find_mallopt() -> Any:
    if sys.platform != 'linux':
        return None
    try:
        return ctypes.CDLL('libc.so.6').mallopt
    except (OSError, AttributeError):
        return None
