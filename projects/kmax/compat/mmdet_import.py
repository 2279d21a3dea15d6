"""An import of mmdet that failed before this package could help it leaves fragments behind.

Python forgets the module that failed but keeps its submodules that were already loaded; the next
import may then register classes twice.

Upstream: https://github.com/open-mmlab/mmdetection (see ``mmcv_ext`` for why its import fails).
Delete together with ``mmcv_ext``.
"""

import importlib
import sys


def failed_imports(package: str) -> list[str]:
    """Return the modules of ``package`` that are no longer loaded although a submodule is."""
    loaded = {name for name in sys.modules if name.partition('.')[0] == package}
    return sorted({name.rpartition('.')[0] for name in loaded if '.' in name} - loaded)


def apply() -> None:
    """Import mmdet at once where an attempt failed before, which must pass.

    Raises:
        ImportError: If fragments of a failed import stand in the way; says what to do.
    """
    fragments = failed_imports('mmdet')
    if not fragments:
        return
    try:
        importlib.import_module('mmdet.models')
    except (KeyError, ImportError) as error:
        raise ImportError(
            f'mmdet was imported before projects.kmax, and that failed in {", ".join(fragments)}: '
            'start a new Python process and import projects.kmax first'
        ) from error
