from inspect import unwrap
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import MMSegInferencer, inference

from projects.kmax.compat import seg_inferencer
from projects.kmax.compat.det_inferencer import draws_bgr


def test_arrays_are_drawn_as_rgb(monkeypatch):
    """Whether mmseg's API was imported after this project, as here, or before it."""
    assert not draws_bgr(MMSegInferencer)
    monkeypatch.setattr(MMSegInferencer, 'visualize', unwrap(MMSegInferencer.visualize))
    assert draws_bgr(MMSegInferencer)
    seg_inferencer.apply()
    assert not draws_bgr(MMSegInferencer)
    wrapped = MMSegInferencer.visualize
    seg_inferencer.apply()
    assert MMSegInferencer.visualize is wrapped


def test_images_are_checked_and_the_config_is_left_alone():
    names = ('LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs')
    cfg = Config(dict(test_pipeline=[dict(type=name) for name in names]))
    text = cfg.pretty_text
    with pytest.raises(TypeError, match='uint16'):
        inference._preprare_data(np.zeros((2, 2, 3), np.uint16), SimpleNamespace(cfg=cfg))
    with DefaultScope.overwrite_default_scope('mmseg'):
        data, _ = inference._preprare_data(np.zeros((2, 2), np.uint8), SimpleNamespace(cfg=cfg))
    assert data['inputs'][0].shape == (3, 2, 2)
    assert cfg.pretty_text == text
    inputs = MMSegInferencer._inputs_to_list(None, [np.zeros((2, 2), np.uint8)])
    assert inputs[0].shape == (2, 2, 3)
