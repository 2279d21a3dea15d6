import sys

import pytest

from projects.kmax.compat import mmpretrain_models


def test_backbones_are_registered():
    from mmpretrain.models.backbones.resnet import ResNet
    from mmpretrain.registry import MODELS

    assert MODELS.get('ResNet') is ResNet


def test_stand_ins_vanish_after_the_import():
    saved = {name: module for name, module in sys.modules.items() if 'torchvision' in name}
    with mmpretrain_models.stand_in_torchvision():
        import torchvision.transforms.functional as functional
        from torchvision.transforms.transforms import InterpolationMode
    assert InterpolationMode.BICUBIC == 'bicubic'
    assert 'torchvision' not in sys.modules
    with pytest.raises(AttributeError, match='torchvision is not installed or does not work'):
        functional.pad(1)
    sys.modules.update(saved)


def test_broken_torchvision_is_forgotten(monkeypatch, tmp_path):
    (tmp_path / 'torchvision').mkdir()
    (tmp_path / 'torchvision' / '__init__.py').write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'torchvision', raising=False)
    assert not mmpretrain_models.torchvision_works()
    assert 'torchvision' not in sys.modules
