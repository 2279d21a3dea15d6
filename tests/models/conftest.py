"""The smallest config, and the original's post-processing options in our names."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

NANO = Path(__file__).resolve().parents[2] / 'configs/kmax/kmax_nano_shapes-panoptic.py'

OUR_NAMES = {
    'pixel_confidence_threshold': 'pixel_confidence_threshold',
    'transformer_class_confidence_threshold': 'class_threshold',
    'thing': 'class_threshold_thing',
    'stuff': 'class_threshold_stuff',
    'overlapping_threshold': 'overlap_threshold',
    'reorder_class_weight': 'reorder_class_weight',
    'reorder_mask_weight': 'reorder_mask_weight',
    'thing_area_limit': 'thing_area_limit',
    'stuff_area_limit': 'stuff_area_limit',
}
OUR_RULES = {'maskwise': 'deeplab2', 'pixelwise': 'pixelwise'}


@pytest.fixture(scope='session')
def to_test_cfg():
    """Return a function from recorded post-processing options to ``test_cfg``."""

    def translate(rules: dict) -> dict:
        options = {ours: rules[theirs] for theirs, ours in OUR_NAMES.items()}
        return {'postprocess': OUR_RULES[rules['transformer_post_processing']], **options}

    return translate


@pytest.fixture(scope='session')
def nano_model() -> Callable[[], ConfigDict]:
    """Return a function that reads the config of the smallest model, ready to be built."""

    def read() -> ConfigDict:
        init_default_scope('mmdet')
        torch.manual_seed(0)
        return Config.fromfile(NANO).model

    return read
