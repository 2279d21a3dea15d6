"""Reads checkpoints as mmengine does, but tests their checksums and names the file or URL."""

import pickle
import re
import warnings
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_http, load_from_local

from .latest_checkpoint import OLD_FORMAT, find_fault

ZIP = b'PK'
OF_MEMORY = re.compile(r"can't allocate memory|out of memory")
UNPICKLER = re.compile(r'WeightsUnpickler error: (.*)')
ASKED = re.compile(r'GLOBAL ([\w.]+)')


class DamagedCheckpointError(ValueError):
    """A checkpoint cannot be read, or is not what was written."""


def load_whole(filename: str, map_location: Any) -> Any:
    """Read a local checkpoint.

    torch tests no checksum: a changed bit would be a changed weight.

    Raises:
        DamagedCheckpointError: If it cannot be read, or a checksum is wrong.
        FileNotFoundError: If it is there, but no file.
    """
    path = Path(filename).expanduser()
    if path.is_file():
        status = path.stat()
        fault = _fault_of_file(path, status.st_size, status.st_mtime_ns)
        if fault is not None:
            raise DamagedCheckpointError(_damaged(filename, fault))
    elif path.exists():
        raise FileNotFoundError(f'checkpoint {filename} is no file: name the file to read')
    return _load(load_from_local, filename, map_location)


def load_url(filename: str, map_location: Any, *args: Any, **kwargs: Any) -> Any:
    """Download a checkpoint, or read it where it was downloaded to, and name it in errors."""
    try:
        return _load(load_from_http, filename, map_location, *args, **kwargs)
    except OSError as error:
        raise OSError(f'checkpoint {filename} cannot be downloaded: {error}') from error


def _load(load: Any, filename: str, *args: Any, **kwargs: Any) -> Any:
    try:
        with warnings.catch_warnings():
            # Of torch's own, for quantised tensors.
            warnings.filterwarnings('ignore', 'TypedStorage is deprecated')
            content = load(filename, *args, **kwargs)
    except (OSError, MemoryError):
        raise
    # A damaged pickle can raise nearly any exception.
    except Exception as error:
        if OF_MEMORY.search(str(error)):
            raise
        asked = ASKED.search(str(error))
        if isinstance(error, pickle.UnpicklingError) and asked:
            raise DamagedCheckpointError(
                f'checkpoint {filename} is refused: to be read it wants {asked[1]}, which can run '
                'code, where tensors are enough; save the state_dict of the model, or get the file '
                'from its publisher again'
            ) from error
        raise DamagedCheckpointError(_damaged(filename, _reason(error))) from error
    if not isinstance(content, dict):
        raise ValueError(
            f'checkpoint {filename} holds no weights: it is a {type(content).__name__}'
        )
    return content


def _damaged(filename: str, reason: str) -> str:
    return f'checkpoint {filename} cannot be read, it may be damaged: {reason}'


def _reason(error: Exception) -> str:
    """Return what is wrong, without torch's advice to run the code of a file."""
    text = str(error)
    said = UNPICKLER.search(text)
    return (said[1] if said else re.split(r'\n|\. ', text)[0]) or type(error).__name__


@lru_cache
def _fault_of_file(path: Path, size: int, written: int) -> str | None:
    """Test a file once as long as it is not written again."""
    if not size:
        return 'it is empty'
    with path.open('rb') as stream:
        start = stream.read(len(OLD_FORMAT))
    if start.startswith(ZIP):
        return find_fault(path) or _fault_of_kind(path)
    return None if start == OLD_FORMAT else 'it does not begin as what torch.save writes'


def _fault_of_kind(path: Path) -> str | None:
    with zipfile.ZipFile(path) as file:
        if any(name.endswith('/constants.pkl') for name in file.namelist()):
            return 'it is a model of TorchScript: save the state_dict of the model instead'
    return None


CheckpointLoader.register_scheme(prefixes='', loader=load_whole, force=True)
CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), loader=load_url, force=True)
