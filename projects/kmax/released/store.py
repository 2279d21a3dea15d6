"""Where the weights of published models are kept: downloaded and converted once."""

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from rich.console import Console
from rich.progress import track

from kmax_deeplab.atomic_file import remove_temporaries
from kmax_deeplab.configs import find_config
from kmax_deeplab.locks import lock_file_of, one_at_a_time
from kmax_deeplab.released import ReleasedModel, checkpoint_folder, find_model, find_weights

from ..converters.errors import ConversionError, UnwritableError
from ..converters.files import convert_file
from ..converters.tensorflow_checkpoint import import_tensorflow
from .download import DownloadError, download

MIRROR = 'KMAX_MIRROR'
"""Environment variable that names another server than the authors'."""

# A lock of a file holds processes apart, but not the threads of one.
_one_thread = threading.Lock()


def fetch(name: str, mirror: str | None = None, progress: bool = True) -> tuple[str, str]:
    """Return a published model's config and its weights, which are on this machine then.

    The first call downloads the released archive to torch's hub folder, unless somebody has put it
    there, and converts it to a checkpoint whose name ends in the archive's hash; later ones, of any
    process, need no network. A call waits while another one is at it.

    Args:
        name: Its short or whole name, see :func:`kmax_deeplab.released.list_models`.
        mirror: URL of a folder to download from instead of the authors'; by default that in the
            environment variable ``KMAX_MIRROR``, if there is one.
        progress: Whether to show bars on stderr.

    Returns:
        The paths of config and checkpoint.

    Raises:
        ValueError: If there is no such model, its weights must be downloaded by hand, the mirror is
            no URL, TensorFlow is missing, or the archive is not one of the model.
        OSError: If the archive cannot be downloaded or written.
    """
    model = find_model(name)
    config = find_config(model.config)
    return config, str(find_weights(model) or _obtain(model, config, mirror, progress))


def _obtain(model: ReleasedModel, config: str, mirror: str | None, progress: bool) -> Path:
    folder = checkpoint_folder()
    if model.archive is None:
        # The command that is told writes to a folder that is there.
        folder.mkdir(parents=True, exist_ok=True)
        raise ValueError(
            f'the weights of {model.alias} cannot be downloaded by a program: download them from '
            f'{model.page_url} and run kmax-deeplab convert port FILE '
            f'{folder / model.alias}.pth --config {model.name}'
        )
    url, archive = _place(model, mirror), folder / model.archive
    # Before hundreds of MB are downloaded for nothing.
    import_tensorflow()
    with _one_thread, one_at_a_time(lock_file_of(archive)):
        found = find_weights(model)
        return found or _make(model, config, url, archive, progress)


def _place(model: ReleasedModel, mirror: str | None) -> str:
    """Return the URL of a model's archive."""
    mirror = mirror or os.environ.get(MIRROR)
    if not mirror:
        return str(model.weights_url)
    if not re.fullmatch(r'https?://[!-~]+', mirror):
        raise ValueError(
            f'mirror {mirror} is no URL of a folder, such as https://example.org/checkpoints'
        )
    return f'{mirror.rstrip("/")}/{model.archive}'


def _make(model: ReleasedModel, config: str, url: str, archive: Path, progress: bool) -> Path:
    """Download an archive where it is missing, and convert it."""
    by_hand = archive.is_file()
    if not by_hand:
        try:
            download(url, archive, progress)
        except DownloadError as error:
            raise DownloadError(
                f'{error}. It would go to {archive}: an archive that is put there by hand is '
                f'taken, and --mirror or {MIRROR} names another server'
            ) from error
    with archive.open('rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
    path = archive.with_name(f'{model.alias}-{digest[:8]}.pth')
    try:
        _convert(archive, path, config, progress)
    except UnwritableError:
        raise
    except ConversionError as error:
        if by_hand:
            raise
        archive.unlink()
        raise ConversionError(
            f'{url} is not the archive of {model.alias}, and was removed again: {error}'
        ) from error
    if not by_hand:
        archive.unlink()
    return path


def _convert(archive: Path, path: Path, config: str, progress: bool) -> None:
    console = Console(stderr=True, quiet=not progress)
    say = partial(console.out, highlight=False)

    def show(tasks: list[Any]) -> Iterable[Any]:
        return track(tasks, f'converting {archive.name}', console=console)

    remove_temporaries(path.parent, path.name)
    settings = Config.fromfile(config)
    convert_file('deeplab2', archive, path, settings, config, track=show, say=say, warn=say)
