"""Settings that tell the original's networks from those of the port."""

import pytest
from mmengine.config import Config
from published import FOLDER

from projects.kmax.converters.recipe import other_settings

MODELS = FOLDER / '_base_/models'
OF_BOTH = [
    *('panoptic_head.pixel_decoder.dilation', 'panoptic_head.pixel_decoder.align_corners'),
    *('panoptic_head.transformer_decoder.norm_eps', 'panoptic_head.semantic_decoder.act'),
    *('panoptic_head.semantic_decoder.align_corners', 'test_cfg.postprocess'),
]
OF_BACKBONE = {
    'r50': ['backbone.stem_pool', 'backbone.activate_outputs'],
    'convnext-t': ['backbone.padding'],
}


@pytest.mark.parametrize('backbone', OF_BACKBONE)
def test_recipes_differ_in_all_of_these(backbone):
    original = Config.fromfile(MODELS / f'kmax_{backbone}.py').model
    port = Config.fromfile(MODELS / f'kmax_{backbone}-port.py').model
    assert other_settings(original, port=False) == other_settings(port, port=True) == []
    differing = OF_BACKBONE[backbone] + OF_BOTH
    assert other_settings(original, port=True) == differing
    assert other_settings(port, port=False) == differing


def test_single_setting_is_named():
    model = Config.fromfile(MODELS / 'kmax_r50.py').model
    model.backbone.stem_pool = True
    assert other_settings(model, port=False) == ['backbone.stem_pool']


def test_parts_that_a_model_lacks_are_passed_over():
    model = Config.fromfile(MODELS / 'kmax_axial-r50.py').model
    model.panoptic_head.semantic_decoder = None
    assert other_settings(model, port=False) == []
