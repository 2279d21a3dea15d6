import sys

import pytest
from helpers import run_python

from projects.kmax.compat import mmdet_import
from projects.kmax.package_families import how_to_install

USE = """
import mmdet.apis, mmseg.models
from mmdet.evaluation.metrics import CocoPanopticMetric
from mmdet.registry import MODELS
assert 'KMaXHead' in MODELS
from mmseg.registry import MODELS
assert 'KMaXEncoderDecoder' in MODELS
CocoPanopticMetric()
"""


@pytest.mark.parametrize(
    'modules',
    [
        ['mmcv.cnn', 'mmdet', 'mmseg', 'mmdet.registry'],
        ['mmdet.apis', 'mmdet.evaluation', 'mmdet.models', 'mmpretrain.models', 'mmseg.models'],
    ],
)
def test_import_after_mmdet(modules):
    """The second list fails to import unless compiled mmcv and torchvision are installed."""
    attempts = [f'try: import {name}\nexcept ImportError: pass' for name in modules]
    script = '\n'.join([*attempts, 'import projects.kmax', USE])
    result = run_python(script)
    assert result.returncode == 0, result.stderr


def test_fragments_of_failed_import_are_explained(monkeypatch):
    def fail(name):
        raise KeyError('BBoxHead is already registered in model')

    monkeypatch.setitem(sys.modules, 'mmdet.half.imported', sys)
    monkeypatch.setattr(mmdet_import.importlib, 'import_module', fail)
    with pytest.raises(ImportError, match='failed in mmdet.half: start a new Python process'):
        mmdet_import.apply()


def test_what_to_install_is_said():
    script = 'import sys; sys.modules.update(mmdet=None, mmpretrain=None); import projects.kmax'
    result = run_python(script)
    assert result.returncode == 1
    message = result.stderr.splitlines()[-1]
    assert message.startswith('ModuleNotFoundError: projects.kmax needs mmdet, mmpretrain')
    assert how_to_install() in message
