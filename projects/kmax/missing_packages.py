"""OpenMMLab's packages are not dependencies of this one, so that any build of them can be used.

Where they are absent, Python only names the first. This is needed as long as ``pyproject.toml`` has
them as extras.
"""

import importlib.util

from .package_families import how_to_install

REQUIRED = ('torch', 'cv2', 'mmengine', 'mmdet', 'mmpretrain')


def find_missing_packages() -> list[str]:
    """Return the modules that are needed and not installed; for mmcv see ``compat/mmcv_ext.py``."""
    return [name for name in REQUIRED if importlib.util.find_spec(name) is None]


def refuse_missing_packages() -> None:
    """Check that all packages are installed.

    Raises:
        ModuleNotFoundError: If one is not; says how to install them.
    """
    missing = find_missing_packages()
    if missing:
        raise ModuleNotFoundError(
            f'projects.kmax needs {", ".join(missing)}, not installed here: {how_to_install()} '
            'beside the torch and OpenCV of your choice',
            name=missing[0],
        )
