import pytest
import torch

from projects.kmax.converters.deeplab2_names import Names, torch_layout


@pytest.mark.parametrize(
    'name',
    [
        'optimizer/iter',
        'pixel_decoder/_stages/0/_block1/_conv9_bn/_batch_norm/gamma',
        'pixel_decoder/_stages/0/_block1/_conv1_bn_act/_layer_norm/gamma',
        'pixel_decoder/_stages/0/_block1/_conv1_bn_act/_batch_norm/delta',
        'pixel_decoder/_stages/0/_block1/_attention/_depth_axis/qkv_kernel',
        'encoder/_stage2/_block1/_conv1_bn_act/_conv/kernel/more',
    ],
)
def test_unknown_variables_are_named(name):
    with pytest.raises(KeyError, match=f"no rule for the TensorFlow variable '{name}'"):
        Names(())[name]


@pytest.mark.parametrize(
    ('stem', 'name', 'expected'),
    [
        ('_conv', '_stage2/_block1/_shortcut/_conv/kernel', 'layer1.0.downsample.0.weight'),
        ('_conv', '_stage5/_block3/_conv2_bn_act/_batch_norm/beta', 'layer4.2.bn2.bias'),
        (
            '_conv1_bn_act',
            '_stage2/_block1/_shortcut/_conv/kernel',
            'stages.0.0.shortcut.conv.weight',
        ),
        (
            '_conv1_bn_act',
            '_stage4/_block2/_attention/_width_axis/qkv_kernel',
            'stages.2.1.attention.width_axis.qkv.conv.weight',
        ),
    ],
)
def test_blocks_of_resnet_and_max_s_are_told_apart_by_the_stem(stem, name, expected):
    names = Names([f'encoder/_stem/{stem}/_conv/kernel'])
    assert names[f'encoder/{name}'] == f'backbone.{expected}'


def test_layer_scale_is_no_norm():
    names = Names(['encoder/downsample_layers/0/layer_with_weights-0/kernel'])
    block = 'encoder/stages/2/layer_with_weights-11'
    assert names[f'{block}/layer_scale'] == 'backbone.stages.2.11.gamma'
    assert names[f'{block}/norm/gamma'] == 'backbone.stages.2.11.norm.weight'


@pytest.mark.parametrize(
    ('name', 'shape', 'expected'),
    [
        ('a/_conv/kernel', (3, 5, 7, 11), (11, 7, 3, 5)),
        ('a/_depthwise_conv/depthwise_kernel', (5, 5, 8, 1), (8, 1, 5, 5)),
        ('a/_memory_conv3_bn/_conv/kernel', (1, 7, 11), (11, 7, 1)),
        ('a/_pixel_conv1_bn_act/_conv/kernel', (1, 7, 11), (11, 7, 1, 1)),
        ('a/pointwise_conv1/kernel', (7, 11), (11, 7)),
        ('a/qkv_kernel', (7, 11), (11, 7, 1, 1)),
        ('a/cluster_centers', (1, 4, 6), (4, 6)),
        ('a/layer_scale', (1, 1, 1, 6), (6,)),
        ('a/_batch_norm_similarity/gamma', (3, 1, 8, 1, 1), (24,)),
    ],
)
def test_layouts(name, shape, expected):
    value = torch.arange(torch.Size(shape).numel()).reshape(shape)
    ours = torch_layout(name, value)
    assert ours.shape == expected
    assert ours.unique().equal(value.flatten())
