"""What a run that failed before it did anything leaves behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kmax_deeplab.locks import release_folders

if TYPE_CHECKING:
    from mmengine.visualization import Visualizer


@contextmanager
def removed_if_nothing_done(folder: str) -> Iterator[None]:
    """Remove a work folder, if there was none before, where an error leaves but logs in it."""
    was_there = Path(folder).exists()
    parent_was_there = Path(folder).parent.exists()
    try:
        yield
    except Exception:
        from mmengine.dist import is_main_process
        from mmengine.visualization import Visualizer

        if is_main_process():
            release_folders([Path(folder)])
        if not was_there and is_main_process() and _holds_nothing(Path(folder)):
            shutil.rmtree(folder, ignore_errors=True)
            _forget(Visualizer)
            if not parent_was_there:
                _remove_if_empty(Path(folder).parent)
        raise


def _holds_nothing(folder: Path) -> bool:
    """Tell whether there are only copies of the config and logs of no iteration."""
    files = [path for path in folder.rglob('*') if not path.is_dir()]
    return all(
        path.suffix == '.py' or path.suffix == '.log' and 'Iter(' not in path.read_text('utf-8')
        for path in files
    )


def _forget(kind: 'type[Visualizer]') -> None:
    """Let the next run of this process not write where the last one did."""
    kind._instance_dict.clear()
    for derived in kind.__subclasses__():
        _forget(derived)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
