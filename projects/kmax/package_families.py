"""OpenMMLab's packages and their fork onedl install the same modules into the same folders.

The second to be installed overwrites files of the first, and each refuses the other's mmcv with the
advice to install what would overwrite more. This is needed as long as both are in use.
"""

import importlib.util
import re
from pathlib import Path

MODULES = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain', 'mmseg')
FAMILIES = {
    'OpenMMLab': re.compile('mmengine(_lite)?|mmcv(_lite|_full)?|mmdet|mmpretrain|mmsegmentation'),
    # Compiled builds of its mmcv are called onedl-mmcv-cu128-torch2-8 and the like.
    'onedl': re.compile('onedl_(mmengine|mmcv(_.*)?|mmdetection|mmpretrain|mmsegmentation)'),
}


def installed_families() -> dict[str, list[str]]:
    """Return the names of each family's distributions in the folders of the modules found."""
    specs = [importlib.util.find_spec(name) for name in MODULES]
    folders = {Path(spec.origin).parents[1] for spec in specs if spec is not None and spec.origin}
    names = {
        info.name.partition('-')[0].lower()
        for folder in folders
        for info in folder.glob('*.*-info')
    }
    families = {
        family: [name.replace('_', '-') for name in sorted(names) if pattern.fullmatch(name)]
        for family, pattern in FAMILIES.items()
    }
    return {family: found for family, found in families.items() if found}


def how_to_install() -> str:
    """Return what to run to install, or complete, the family that is in use."""
    if 'onedl' in installed_families():
        return (
            'run "pip install -r requirements-onedl.txt", or "pip install \'kmax-deeplab[onedl]\'"'
        )
    return 'run "pip install -r requirements.txt", or "pip install \'kmax-deeplab[lite,stack]\'"'


def mmcv_to_install() -> str:
    """Return the mmcv, without compiled operators, of the family that is in use."""
    return 'onedl-mmcv' if 'onedl' in installed_families() else 'mmcv-lite==2.1.0'


def refuse_two_families() -> None:
    """Check that packages of one family only are installed.

    Raises:
        ImportError: If those of both are; says how to keep one.
    """
    families = installed_families()
    if len(families) < 2:
        return
    found = [f'{" ".join(names)} of {family}' for family, names in families.items()]
    everything = ' '.join(name for names in families.values() for name in names)
    raise ImportError(
        f'installed are {" and ".join(found)}, which overwrite each other: run "pip uninstall '
        f'{everything}", then "pip install -r requirements.txt" (OpenMMLab) or "pip install -r '
        'requirements-onedl.txt" (onedl)'
    )
