"""Versions: the oldest Python, torch and numpy that work, said before they fail, and what is there.

``docs/compatibility.md`` holds what was tested. Torch before 2.6 runs code of checkpoints, even
when asked for weights only (CVE-2025-32434).
"""

import platform
import re
import sys
import warnings
from importlib import metadata

PYTHON = (3, 11)
# Later ones are not refused: they may well work.
TESTED_PYTHON = (3, 13)
PACKAGES = ('torch', 'numpy', 'opencv-python', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet')
OLDEST = {'torch': (2, 6), 'numpy': (1, 26)}


def installed_version(name: str) -> tuple[int, ...] | None:
    """Return the first two numbers of a distribution's version; None for what has no metadata."""
    try:
        match = re.match(r'(\d+)\.(\d+)', metadata.version(name))
    except metadata.PackageNotFoundError:
        return None
    return None if match is None else tuple(map(int, match.groups()))


def find_versions() -> dict[str, str]:
    """Return the version of Python and of each package that is installed."""
    versions = {'python': platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def refuse_old_versions() -> None:
    """Check Python, torch and numpy; warn about a Python that was never tried.

    Raises:
        ImportError: If one is too old; says which is needed.
    """
    python = sys.version_info[:2]
    if python < PYTHON:
        raise ImportError(
            f'projects.kmax needs Python {_say(PYTHON)} to {_say(TESTED_PYTHON)}, '
            f'not {_say(python)}'
        )
    if python > TESTED_PYTHON:
        warnings.warn(
            f'projects.kmax was tested with Python {_say(PYTHON)} to {_say(TESTED_PYTHON)}, '
            f'not {_say(python)}',
            stacklevel=2,
        )
    for name, oldest in OLDEST.items():
        version = installed_version(name)
        if version is not None and version < oldest:
            raise ImportError(
                f'projects.kmax needs {name} {_say(oldest)} or later, not {_say(version)}: '
                f'run "pip install \'{name}>={_say(oldest)}\'"'
            )


def _say(version: tuple[int, ...]) -> str:
    return '.'.join(map(str, version))
