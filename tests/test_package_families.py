import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from projects.kmax import missing_packages, package_families
from projects.kmax.compat import mmcv_ext


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes a folder in which exactly these distributions are found."""

    def find(name):
        found = name.partition('.')[0] in package_families.MODULES
        return (
            ModuleSpec(name, None, origin=str(tmp_path / name / '__init__.py')) if found else None
        )

    def install(*distributions):
        for name in distributions:
            (tmp_path / f'{name}-1.0.dist-info').mkdir()
        monkeypatch.setattr(importlib.util, 'find_spec', find)

    return install


@pytest.mark.parametrize(
    'distributions',
    [
        [],
        ['mmengine', 'mmcv_lite', 'mmdet', 'mmpretrain', 'mmsegmentation'],
        ['onedl_mmengine', 'onedl_mmcv_cu128_torch2_8', 'onedl_mmdetection', 'onedl_mmpretrain'],
        ['onedl_mmengine', 'onedl_mmcv', 'mmdet_plugin', 'mmcv_tools', 'onedl_mim'],
    ],
)
def test_one_family_is_taken(install, distributions):
    install(*distributions)
    package_families.refuse_two_families()


@pytest.mark.parametrize(
    'distributions',
    [
        ['mmdet', 'onedl_mmdetection'],
        ['mmcv_full', 'onedl_mmdetection'],
        ['mmengine', 'mmdet', 'onedl_mmcv_cu128_torch2_8'],
        ['onedl_mmengine', 'mmengine_lite'],
    ],
)
def test_two_families_are_refused_in_one_line(install, distributions):
    install(*distributions)
    with pytest.raises(ImportError) as error:
        package_families.refuse_two_families()
    message = str(error.value)
    assert '\n' not in message and 'overwrite each other: run "pip uninstall ' in message
    names = message.split('"pip uninstall ')[1].split('"')[0].split()
    assert len(names) == len(distributions)


def test_what_the_fork_lacks_is_completed_with_the_fork(install):
    install('onedl_mmengine')
    with pytest.raises(ModuleNotFoundError) as error:
        missing_packages.refuse_missing_packages()
    message = str(error.value)
    assert 'needs torch, cv2, not installed here' in message
    assert 'requirements-onedl.txt' in message and '[onedl]' in message
    assert 'mmcv-lite' not in message and '[lite' not in message


def test_remnant_of_its_mmcv_is_replaced_by_its_own(install, monkeypatch):
    install('onedl_mmengine')
    known = importlib.util.find_spec
    remnant = dict(mmcv=ModuleSpec('mmcv', None))
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: remnant.get(name) or known(name))
    with pytest.raises(ImportError, match='then "pip install onedl-mmcv"'):
        mmcv_ext.apply()
