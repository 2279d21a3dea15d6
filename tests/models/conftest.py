"""The smallest config, and the original's post-processing options in our names."""

from collections.abc import Callable

import pytest
import torch
from helpers import NANO
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

SAME_NAMES = (
    *('pixel_confidence_threshold', 'reorder_class_weight', 'reorder_mask_weight'),
    *('thing_area_limit', 'stuff_area_limit'),
)
OUR_NAMES = {name: name for name in SAME_NAMES} | {
    'transformer_class_confidence_threshold': 'class_threshold',
    'thing': 'class_threshold_thing',
    'stuff': 'class_threshold_stuff',
    'overlapping_threshold': 'overlap_threshold',
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
