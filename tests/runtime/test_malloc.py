import sys

import pytest

from projects.kmax.runtime import malloc


def test_all_settings_are_accepted_by_glibc():
    if sys.platform != 'linux' or malloc._find_mallopt() is None:
        pytest.skip('the C library is not glibc')
    assert malloc.keep_freed_memory()


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(malloc.sys, 'platform', 'darwin')
    assert not malloc.keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(malloc.ctypes, 'CDLL', lambda name: object())
    assert not malloc.keep_freed_memory()
