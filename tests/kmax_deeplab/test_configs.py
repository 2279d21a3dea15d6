"""Configs by their names."""

from pathlib import Path

import pytest
from imports import ROOT

from kmax_deeplab import configs
from kmax_deeplab.configs import config_folder, find_config

NAME = 'kmax_r50_8xb8-150k_coco-panoptic'


@pytest.mark.parametrize('ending', ['', '.py'])
def test_a_name_finds_the_config_of_the_clone(ending, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(NAME + ending) == str(ROOT / 'configs' / 'kmax' / f'{NAME}.py')


def test_a_short_name_finds_the_config_of_its_model():
    assert find_config('kmax_r50_coco') == find_config(NAME)
    with pytest.raises(ValueError, match=r'did you mean kmax_convnext-l_cityscapes or '):
        find_config('kmax_convnextl_cityscapes')


def test_a_file_of_that_path_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(f'{NAME}.py').touch()
    assert find_config(f'{NAME}.py') == f'{NAME}.py'
    Path(NAME).mkdir()
    assert find_config(NAME).endswith(f'/configs/kmax/{NAME}.py')


def test_a_file_of_another_kind_is_no_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(NAME).touch()
    assert find_config(NAME).endswith(f'/configs/kmax/{NAME}.py')
    Path('notes.txt').touch()
    with pytest.raises(ValueError, match='^file notes.txt ends in none of .py, .json, .yaml, .yml'):
        find_config('notes.txt')


def test_a_wrong_name_gets_near_matches():
    expected = r'file kmax_r50_kitti does not exist, nor a config of that name; did you mean kmax_'
    with pytest.raises(ValueError, match=expected):
        find_config('kmax_r50_kitti')
    with pytest.raises(ValueError, match=rf'mean {NAME} or '):
        find_config(f'configs/{NAME}.py')
    with pytest.raises(ValueError, match=r'nor a config of that name in .*/configs$'):
        find_config('xyz.py')
    with pytest.raises(ValueError, match=rf'mean {NAME} or '):
        find_config(NAME.upper())
    with pytest.raises(ValueError, match=r'^file \(empty\) does not exist'):
        find_config('')


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder that takes the place of the one with the configs."""
    for name in ('a/twice.py', 'b/twice.py', 'a/_base_/part.py', 'b/once.py'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(configs, 'config_folder', lambda: tmp_path)
    return tmp_path


def test_several_configs_of_a_name_are_named(folder):
    assert find_config('once') == str(folder / 'b' / 'once.py')
    with pytest.raises(ValueError) as error:
        find_config('twice')
    paths = f'{folder}/a/twice.py, {folder}/b/twice.py'
    assert str(error.value) == f'several configs are called twice: {paths}; give a path'


def test_parts_of_configs_have_no_name(folder):
    with pytest.raises(ValueError, match='nor a config of that name'):
        find_config('part')


def test_installed_configs_come_before_a_folder_beside_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(configs, '__file__', str(tmp_path / 'kmax_deeplab' / 'configs.py'))
    assert config_folder() == tmp_path / 'configs'
    (tmp_path / 'kmax_deeplab' / '.mim' / 'configs').mkdir(parents=True)
    assert config_folder() == tmp_path / 'kmax_deeplab' / '.mim' / 'configs'
