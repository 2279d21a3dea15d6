"""Reads checkpoints from disk as mmengine does, but tests their checksums and names the file."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local

from .latest_checkpoint import find_fault

ZIP = b'PK'
OF_MEMORY = re.compile(r"can't allocate memory|out of memory")
FOREIGN = re.compile(r'GLOBAL (\S+) was not an allowed global')


class DamagedCheckpointError(ValueError):
    """A checkpoint cannot be read, or is not what was written."""


def load_whole(filename: str, map_location: Any) -> Any:
    """Read a local checkpoint.

    torch tests no checksum: a changed bit would be a changed weight.

    Raises:
        DamagedCheckpointError: If it cannot be read, a checksum is wrong, or it is no dict.
    """
    path = Path(filename).expanduser()
    start = f'checkpoint {filename} cannot be read, it may be damaged'
    if path.is_file():
        status = path.stat()
        fault = _fault_of_archive(path, status.st_size, status.st_mtime_ns)
        if fault is not None:
            raise DamagedCheckpointError(f'{start}: {fault}')
    try:
        content = load_from_local(filename, map_location)
    except (OSError, MemoryError):
        raise
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        if OF_MEMORY.search(str(error)):
            raise
        foreign = FOREIGN.search(str(error))
        if foreign is not None:
            raise DamagedCheckpointError(
                f'checkpoint {filename} holds objects other than data ({foreign[1]}), whose code '
                'would be run: it is not read, save its weights as tensors alone'
            ) from error
        raise DamagedCheckpointError(f'{start}: {error}') from error
    # Every reader takes a dict, and some would say so without the name.
    if not isinstance(content, dict):
        raise DamagedCheckpointError(f'checkpoint {filename} holds no weights')
    return content


@lru_cache
def _fault_of_archive(path: Path, size: int, written: int) -> str | None:
    """Test a file once as long as it is not written again."""
    with path.open('rb') as stream:
        is_archive = stream.read(len(ZIP)) == ZIP
    return find_fault(path) if is_archive else None


CheckpointLoader.register_scheme(prefixes='', loader=load_whole, force=True)
