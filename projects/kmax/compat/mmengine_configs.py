"""mmengine takes ``kmax_deeplab::CONFIG`` for one of a package and of a registry's scope it knows.

``get_config`` and ``_base_`` refuse packages that it does not list; what they read of others they
let build in the scope of the package's name, and ours registers its classes in mmdet's and mmseg's.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/config/utils.py``, MODULE2PACKAGE, and
``Config._get_cfg_path``). Delete when mmengine looks for the package itself, and for its scope.
"""

from functools import wraps
from typing import Any

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

PACKAGE = 'kmax_deeplab'


def apply() -> None:
    """Add the package that has our configs where it is installed, without a scope."""
    MODULE2PACKAGE.setdefault(PACKAGE, PACKAGE)
    original = Config._get_cfg_path

    @wraps(original)
    def without_scope(*args: Any, **kwargs: Any) -> tuple[str, str | None]:
        path, scope = original(*args, **kwargs)
        return path, None if scope == PACKAGE else scope

    Config._get_cfg_path = staticmethod(without_scope)
