"""mmengine's ``get_config('PACKAGE::CONFIG')`` knows no packages but those that it lists.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/config/utils.py``, MODULE2PACKAGE).
Delete when mmengine looks for the package itself.
"""

from mmengine.config.utils import MODULE2PACKAGE


def apply() -> None:
    """Add the package that has our configs where it is installed."""
    MODULE2PACKAGE.setdefault('kmax_deeplab', 'kmax_deeplab')
