"""kMaX-DeepLab for the OpenMMLab stack; importing this registers everything.

It loads neither torch nor OpenMMLab: the registries import what is here when they are asked for it,
and other packages are mended when they are imported.
"""

import importlib
from types import ModuleType

from kmax_deeplab.needs import needs_stack

from .missing_packages import find_missing_packages, refuse_missing_packages
from .package_families import refuse_two_families
from .package_versions import refuse_old_versions

refuse_old_versions()
refuse_two_families()
if needs_stack() or not find_missing_packages():
    refuse_missing_packages()

    from . import compat, registration

    compat.apply()
    registration.add_locations()

PARTS = ('datasets', 'engine', 'evaluation', 'models', 'runtime', 'visualization')
__all__ = ['compat', *PARTS]


def __getattr__(name: str) -> ModuleType:
    """Import a part of this package when it is asked for."""
    if name in PARTS:
        return importlib.import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
