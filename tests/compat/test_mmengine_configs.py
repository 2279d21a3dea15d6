"""Configs elsewhere that are based on those of the package, in a clone."""

import pytest
from mmengine.config import Config

from projects.kmax.commands.config_file import read_config_file

BASED = "_base_ = 'kmax_deeplab::kmax/{}.py'\ncrop_size = (65, 65)"


def test_base_is_found_without_installation(tmp_path):
    (tmp_path / 'mine.py').write_text(BASED.format('kmax_nano_shapes-panoptic'))
    config = Config.fromfile(tmp_path / 'mine.py')
    assert config.crop_size == (65, 65)
    # Of the scope that it says, not of one of the package's name.
    assert config.default_scope == 'mmdet' and '_scope_' not in config.model


def test_missing_base_is_named(tmp_path):
    (tmp_path / 'mine.py').write_text(BASED.format('kmax_none'))
    with pytest.raises(ValueError, match=r'kmax/kmax_none\.py'):
        read_config_file(str(tmp_path / 'mine.py'))


def test_configs_of_other_packages_keep_their_scope():
    path, scope = Config._get_cfg_path('mmdet::_base_/default_runtime.py', '')
    assert path.endswith('default_runtime.py') and scope == 'mmdet'
