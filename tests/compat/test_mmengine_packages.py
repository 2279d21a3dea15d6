import importlib.metadata
import sys
from pathlib import Path

import mmdet
import mmengine
import mmengine.utils.package_utils
import mmseg
import pytest
from mmengine.config import Config, config

from projects.kmax.compat import mmengine_packages


def test_packages_are_found_by_module_and_by_distribution():
    (distribution,) = {*importlib.metadata.packages_distributions()['mmseg']}
    for name, package in (('mmdet', mmdet), (distribution, mmseg)):
        assert mmengine_packages.is_installed(name)
        folder = str(Path(package.__file__).parent)
        assert mmengine_packages.get_installed_path(name) == folder
    assert not mmengine_packages.is_installed('no-such-package')
    with pytest.raises(ModuleNotFoundError):
        mmengine_packages.get_installed_path('no-such-package')


def test_configs_of_mmdet_load_without_pkg_resources(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'pkg_resources', None)
    find = find_all_but('pkg_resources')
    monkeypatch.setattr(mmengine_packages.importlib.util, 'find_spec', find)
    for module in (mmengine.utils, mmengine.utils.package_utils, config):
        for name in ('is_installed', 'get_installed_path'):
            monkeypatch.setattr(module, name, getattr(module, name))
    mmengine_packages.apply()
    child = tmp_path / 'child.py'
    child.write_text("_base_ = 'mmdet::_base_/schedules/schedule_1x.py'")
    assert Config.fromfile(child).train_cfg.max_epochs == 12


def find_all_but(missing):
    find_spec = mmengine_packages.importlib.util.find_spec
    return lambda name: None if name == missing else find_spec(name)
