"""mmengine takes ``kmax_deeplab::CONFIG`` for one of a package and of a registry's scope it knows.

``get_config`` and ``_base_`` refuse packages that it does not list; what they read of others they
let build in the scope of the package's name, and ours registers its classes in mmdet's and mmseg's.
``_base_`` finds our configs in a clone as well, where no package is installed.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/config/utils.py``, MODULE2PACKAGE, and
``Config._get_cfg_path``). Delete when mmengine looks for the package itself, and for its scope.
"""

from functools import wraps

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from kmax_deeplab.configs import config_folder

PACKAGE = 'kmax_deeplab'


def apply() -> None:
    """Add the package that has our configs where it is installed; ``_base_`` finds it anywhere."""
    MODULE2PACKAGE.setdefault(PACKAGE, PACKAGE)
    original = Config._get_cfg_path

    @wraps(original)
    def found_here(cfg_path: str, filename: str) -> tuple[str, str | None]:
        package, _, name = cfg_path.partition('::')
        if package == PACKAGE:
            return str(config_folder() / name), None
        return original(cfg_path, filename)

    Config._get_cfg_path = staticmethod(found_here)
