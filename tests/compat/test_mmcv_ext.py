import sys

import mmcv
import pytest

from projects.kmax.compat import mmcv_ext


def test_real_extension_is_kept(monkeypatch):
    monkeypatch.delitem(sys.modules, mmcv_ext.EXTENSION)
    monkeypatch.setattr(mmcv_ext.PathFinder, 'find_spec', lambda name, path: mmcv.__spec__)
    mmcv_ext.apply()
    assert mmcv_ext.EXTENSION not in sys.modules


def test_remnant_of_mmcv_is_reported(monkeypatch):
    monkeypatch.setattr(mmcv_ext.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='pip install mmcv-lite'):
        mmcv_ext.apply()


def test_operator_of_stand_in_raises_when_called():
    stand_in = mmcv_ext.MissingExtension('mmcv._ext')
    with pytest.raises(RuntimeError, match="mmcv operator 'nms' needs compiled mmcv"):
        stand_in.nms(1)


def test_second_application_changes_nothing():
    before = sys.modules[mmcv_ext.EXTENSION]
    mmcv_ext.apply()
    assert sys.modules[mmcv_ext.EXTENSION] is before
