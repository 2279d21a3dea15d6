"""mmengine's ``LocalBackend`` reads named pipes and devices, which hang or fill the memory.

Every image, label map and JSON of the OpenMMLab stack goes through it.

Upstream: https://github.com/open-mmlab/mmengine (``mmengine/fileio/backends/local_backend.py``).
Delete when it refuses what is no regular file.
"""

import os
from functools import wraps

from mmengine.fileio.backends.local_backend import LocalBackend

from kmax_deeplab.local_files import check_regular


def apply() -> None:
    """Wrap the method that reads bytes."""
    get = LocalBackend.get

    @wraps(get)
    def get_regular(self: LocalBackend, filepath: str | os.PathLike[str]) -> bytes:
        check_regular(filepath)
        return get(self, filepath)

    LocalBackend.get = get_regular
