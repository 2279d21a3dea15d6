"""The runtime hardens mmengine for any project: it imports nothing of this one."""

import sys

import pytest
from imports import ROOT, imported_modules

FILES = sorted((ROOT / 'projects/kmax/runtime').rglob('*.py'))
ALLOWED = {*sys.stdlib_module_names, 'mmengine', 'numpy', 'torch'}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_runtime_imports_nothing_of_kmax(path):
    found = {
        module
        for module in imported_modules(path)
        if module.partition('.')[0] not in ALLOWED
        and not module.startswith(
            ('projects.kmax.runtime.', 'kmax_deeplab.atomic_file.', 'kmax_deeplab.locks.')
        )
    }
    assert not found
