"""What an evaluation was made of: command, checkpoint, packages, time."""

import hashlib
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

from kmax_deeplab import __version__

from ..package_versions import find_versions

ROOT = Path(__file__).resolve().parents[3]


def describe_origin(command: str, config: str, checkpoint: str) -> dict[str, Any]:
    """Return what tells an evaluation from others.

    Args:
        command: The command line.
        config: Path of the config.
        checkpoint: Path of the weights, or their URL, of which there is no hash.

    Returns:
        ``command``, ``config``, ``checkpoint`` (its name), ``sha256`` (first 8 digits of its hash,
        as in the names of OpenMMLab's files, or None), ``date`` (ISO 8601), ``commit`` (None unless
        run from a clone) and ``versions``.
    """
    return dict(
        command=command,
        config=config,
        checkpoint=checkpoint.rpartition('/')[2],
        sha256=_hash(checkpoint),
        date=datetime.now().astimezone().isoformat(timespec='seconds'),
        commit=_find_commit(),
        versions={'kmax-deeplab': __version__, **find_versions()},
    )


def _hash(checkpoint: str) -> str | None:
    if '://' in checkpoint:
        return None
    with open(checkpoint, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()[:8]


def _find_commit() -> str | None:
    """Return the commit of the clone that this package lies in."""
    if not (ROOT / '.git').exists() or shutil.which('git') is None:
        return None
    words = ['git', '-C', str(ROOT), 'describe', '--always', '--dirty', '--abbrev=12']
    found = subprocess.run(words, capture_output=True, text=True)
    return found.stdout.strip() or None
