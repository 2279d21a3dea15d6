"""mmdet imports mmcv's compiled operators even where none is used, and mmcv-lite has none.

``mmdet/structures/mask/structures.py`` imports ``mmcv.ops``, so that ``import mmdet.apis`` fails
with ``No module named 'mmcv._ext'``. The stand-in lets the import pass; an operator fails when
called.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/structures/mask/structures.py``) and
https://github.com/open-mmlab/mmcv (``mmcv/utils/ext_loader.py``).
Delete when mmdet imports with mmcv-lite.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, NoReturn

from ..package_families import mmcv_to_install

EXTENSION = 'mmcv._ext'


class MissingExtension(ModuleType):
    """Module in which every name is an operator that raises when called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> NoReturn:
            raise RuntimeError(
                f'mmcv operator {name!r} needs compiled mmcv, but only mmcv-lite is installed: '
                'see https://mmcv.readthedocs.io for how to install mmcv'
            )

        missing.__name__ = name
        setattr(self, name, missing)
        return missing


def apply() -> None:
    """Put the stand-in in place unless the real extension can be imported.

    Raises:
        ImportError: If mmcv is absent, or only a remnant of it is left.
    """
    mmcv_spec = importlib.util.find_spec('mmcv')
    if mmcv_spec is None or mmcv_spec.origin is None:
        raise ImportError(
            'mmcv is not installed, or uninstalling mmcv-lite left only a remnant of it: run "pip '
            f'uninstall mmcv mmcv-lite onedl-mmcv", then "pip install {mmcv_to_install()}"'
        )
    folders = mmcv_spec.submodule_search_locations
    # Not by importlib.util, which would import mmcv.
    if EXTENSION in sys.modules or PathFinder.find_spec(EXTENSION, folders) is not None:
        return
    extension = MissingExtension(EXTENSION)
    extension.__spec__ = ModuleSpec(EXTENSION, None)
    sys.modules[EXTENSION] = extension
    complete_transformer_module()


def complete_transformer_module() -> None:
    """Give ``mmcv.cnn.bricks.transformer`` the class it left out if it was imported before."""
    transformer: Any = sys.modules.get('mmcv.cnn.bricks.transformer')
    if transformer is not None and not hasattr(transformer, 'MultiScaleDeformableAttention'):
        attention = importlib.import_module('mmcv.ops.multi_scale_deform_attn')
        transformer.MultiScaleDeformableAttention = attention.MultiScaleDeformableAttention
