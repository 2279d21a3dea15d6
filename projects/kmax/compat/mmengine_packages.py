"""mmengine asks ``pkg_resources``, which setuptools 82 removed, where a package is installed.

Every ``_base_ = 'mmdet::...'`` in a config then fails with ``No module named 'pkg_resources'``.

Upstream: https://github.com/open-mmlab/mmengine/pull/1676 (merged, not yet released).
Delete when the required mmengine holds that change.
"""

import importlib.util
from importlib import metadata
from pathlib import Path

from mmengine.utils import package_utils

from .rebind import rebind


def is_installed(package: str) -> bool:
    """Tell whether a distribution or a regular module of that name is installed."""
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(package)
        return spec is not None and spec.origin is not None
    return True


def get_installed_path(package: str) -> str:
    """Return the folder of a module, or of the module that a distribution installs.

    Raises:
        ModuleNotFoundError: If nothing of that name is installed.
        RuntimeError: If it is a namespace package, which has no single folder.
    """
    spec = importlib.util.find_spec(package.replace('-', '_'))
    if spec is None:
        distribution = metadata.distribution(package)
        module = (distribution.read_text('top_level.txt') or package).split()[0]
        return str(distribution.locate_file(module))
    if spec.origin is None:
        raise RuntimeError(f'{package} is a namespace package and has no single folder')
    return str(Path(spec.origin).parent)


def apply() -> None:
    """Replace mmengine's two functions where they cannot work."""
    if importlib.util.find_spec('pkg_resources') is not None:
        return
    try:
        package_utils.is_installed('mmengine')
    except ModuleNotFoundError:
        for function in (is_installed, get_installed_path):
            name = function.__name__
            rebind('mmengine', name, getattr(package_utils, name), function)
