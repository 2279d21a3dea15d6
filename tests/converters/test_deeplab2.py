import numpy as np
import pytest

import projects.kmax  # noqa: F401
from projects.kmax.converters.deeplab2 import SUFFIX, convert_deeplab2, torch_layout, torch_name


def test_unknown_variables_are_named():
    with pytest.raises(KeyError, match='pixel_decoder/_stages/0/_block1/_conv9_bn/gamma'):
        torch_name('pixel_decoder/_stages/0/_block1/_conv9_bn/gamma')
    with pytest.raises(KeyError, match="'optimizer/iter'"):
        convert_deeplab2({'optimizer/iter': np.zeros(())}, [])


@pytest.mark.parametrize(
    ('name', 'shape', 'expected'),
    [
        ('a/_conv/kernel', (3, 5, 7, 11), (11, 7, 3, 5)),
        ('a/_depthwise_conv/depthwise_kernel', (5, 5, 8, 1), (8, 1, 5, 5)),
        ('a/_memory_conv3_bn/_conv/kernel', (1, 7, 11), (11, 7, 1)),
        ('a/_pixel_conv1_bn_act/_conv/kernel', (1, 7, 11), (11, 7, 1, 1)),
        ('a/qkv_kernel', (7, 11), (11, 7, 1, 1)),
        ('a/cluster_centers', (1, 4, 6), (4, 6)),
        ('a/_batch_norm_similarity/gamma', (3, 1, 8, 1, 1), (24,)),
    ],
)
def test_layouts(name, shape, expected):
    assert torch_layout(name, np.zeros(shape)).shape == expected


def test_semantic_channels_are_permuted():
    bias = np.arange(4, dtype=np.float32)
    state = convert_deeplab2({f'semantic_last_layer/bias{SUFFIX}': bias}, [2, 1, 3, 0])
    (value,) = state.values()
    assert value.tolist() == [2, 1, 3, 0]
