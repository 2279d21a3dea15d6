"""ImageNet weights of other projects, and of mmpretrain, in our backbones."""

import re
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.logging import MMLogger
from mmpretrain.models import ConvNeXt, ResNet
from mmpretrain.registry import MODELS as CLASSIFIERS
from published import COCO, CONVNEXT
from torch import nn

from projects.kmax.converters import FORMATS, ConversionError, convert
from projects.kmax.models import KMaXConvNeXt, KMaXResNet

CONFIG = f'kmax_{{}}_{COCO}'
BACKBONES = {'resnet50': 'r50', **CONVNEXT}
CASES = [
    (project, name)
    for project in ('torchvision', 'timm', 'convnext')
    for name in BACKBONES
    if (project, name) != ('convnext', 'resnet50')
]
HEADS = {
    'torchvision': r'fc\..*|classifier\..*',
    'timm': r'fc\..*|head\..*',
    'convnext': r'head\..*|norm\..*',
}


def test_cases_are_all_that_is_known(imagenet):
    assert set(imagenet) == {f'{project}/{name}' for project, name in CASES}


@pytest.mark.parametrize(('project', 'name'), CASES)
@pytest.mark.parametrize('classes', [1000, 21841], ids=['1k', '22k'])
def test_weights_fill_the_backbone(project, name, classes, imagenet, meta_model):
    weights = {
        k: torch.empty(classes, *v.shape[1:], device='meta') if v.shape[:1] == (1000,) else v
        for k, v in imagenet[f'{project}/{name}'].items()
    }
    model = meta_model(CONFIG.format(BACKBONES[name]))
    result = convert(FORMATS[project], weights, model)
    assert list(result.state) == [f'backbone.{key}' for key in model.backbone.state_dict()]
    assert set(result.not_filled.values()) == {'ImageNet weights are the backbone only'}
    assert all(key.startswith('panoptic_head.') for key in result.not_filled)
    left_out = result.plan.left_out
    assert set(left_out) == {key for key in weights if re.fullmatch(HEADS[project], key)}
    assert set(left_out.values()) == {'of the classifier on ImageNet'}
    weights = {key.removeprefix('backbone.'): value for key, value in result.state.items()}
    model.backbone.load_state_dict(weights, strict=True, assign=True)


@pytest.mark.parametrize(
    ('project', 'source', 'target', 'message'),
    [
        ('convnext', 'convnext_small', 'convnext-t', 'has ConvNeXt-small.*has ConvNeXt-tiny$'),
        ('timm', 'convnext_base', 'convnext-l', 'has ConvNeXt-base.*has ConvNeXt-large$'),
        ('torchvision', 'resnet50', 'convnext-t', 'has ResNet-50.*has ConvNeXt-tiny$'),
        ('torchvision', 'convnext_tiny', 'r50', 'has ConvNeXt-tiny.*has ResNet-50$'),
        ('timm', 'resnet50', 'axial-r50', r'has ResNet-50.*has AxialResNet \(MaX-S\)$'),
    ],
)
def test_other_backbones_are_named(project, source, target, message, imagenet, meta_model):
    model = meta_model(CONFIG.format(target))
    with pytest.raises(ConversionError, match=message):
        convert(FORMATS[project], imagenet[f'{project}/{source}'], model)


def theirs(project, name):
    """A name of mmpretrain's in another project's words; written apart from the converter."""
    if project == 'timm':
        name = re.sub(r'^downsample_layers\.0', 'stem', name)
        name = re.sub(r'^downsample_layers\.(\d)', r'stages.\1.downsample', name)
        name = re.sub(r'^stages\.(\d)\.(\d+)', r'stages.\1.blocks.\2', name)
        names = dict(depthwise_conv='conv_dw', pointwise_conv1='mlp.fc1', pointwise_conv2='mlp.fc2')
    elif project == 'torchvision':
        name = re.sub(r'^downsample_layers\.(\d)', lambda m: f'features.{2 * int(m[1])}', name)
        name = re.sub(r'^stages\.(\d)', lambda m: f'features.{2 * int(m[1]) + 1}', name)
        parts = ('depthwise_conv', 'norm', 'pointwise_conv1', 'pointwise_conv2')
        names = dict(zip(parts, ('block.0', 'block.2', 'block.3', 'block.5'), strict=True))
        names['gamma'] = 'layer_scale'
    else:
        names = dict(depthwise_conv='dwconv', pointwise_conv1='pwconv1', pointwise_conv2='pwconv2')
    for ours, other in names.items():
        name = name.replace(ours, other)
    return name


SMALL = dict(depths=[1, 2, 1, 1], channels=[8, 16, 24, 32])


def randomize(module):
    """Give every parameter its own values, norms and layer scales included."""
    torch.manual_seed(0)
    for value in module.parameters():
        nn.init.normal_(value, std=0.3)
    return module


def converted(project, weights, backbone):
    """Convert for a model whose backbone is given, and load it."""
    model = SimpleNamespace(
        state_dict=lambda: {f'backbone.{k}': v for k, v in backbone.state_dict().items()}
    )
    state = convert(FORMATS[project], weights, model).state
    backbone.load_state_dict({k.removeprefix('backbone.'): v for k, v in state.items()})
    backbone.eval()
    return backbone


@pytest.mark.parametrize('project', ['torchvision', 'timm', 'convnext'])
def test_convnext_computes_what_the_classifier_does(project):
    options = dict(gap_before_final_norm=False, out_indices=(0, 1, 2, 3))
    source = randomize(ConvNeXt(SMALL, **options))
    source.eval()
    weights = {
        theirs(project, k): v[:, None, None] if project == 'torchvision' and 'gamma' in k else v
        for k, v in source.state_dict().items()
        if not re.match(r'norm\d', k)
    }
    backbone = converted(project, weights, KMaXConvNeXt(SMALL))
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        x, outs = image, []
        for downsample, stage in zip(source.downsample_layers, source.stages, strict=True):
            x = stage(downsample(x))
            outs.append(x)
        # The padding on the right and below meets no window where 32 divides the size.
        for ours, expected in zip(backbone(image)[1:], outs, strict=True):
            torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize('project', ['torchvision', 'timm'])
def test_resnet_computes_what_the_classifier_does(project):
    norm_cfg = dict(type='BN', eps=1e-5)
    source = randomize(ResNet(50, norm_cfg=norm_cfg, out_indices=(0, 1, 2, 3)))
    source.eval()
    backbone = KMaXResNet(50, stem_pool=True, activate_outputs=True, norm_cfg=norm_cfg)
    backbone = converted(project, source.state_dict(), backbone)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for ours, expected in zip(backbone(image)[1:], source(image), strict=True):
            torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(
    ('kind', 'options', 'channels'),
    [('ResNet', dict(depth=50), 2048), ('ConvNeXt', dict(arch=SMALL), 32)],
    ids=['ResNet-50', 'ConvNeXt'],
)
def test_mmpretrains_checkpoints_load_through_init_cfg(kind, options, channels, tmp_path, caplog):
    head = dict(type='LinearClsHead', in_channels=channels, num_classes=10)
    classifier = dict(type='ImageClassifier', backbone=dict(type=kind, **options), head=head)
    # Earlier tests may have made mmdet's names the default ones.
    source = randomize(CLASSIFIERS.build(dict(classifier, _scope_='mmpretrain')))
    path = tmp_path / 'classifier.pth'
    torch.save(dict(state_dict=source.state_dict(), meta={}), path)
    pretrained = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    ours = MODELS.build(dict(type=f'KMaX{kind}', **options, init_cfg=pretrained))
    MMLogger.get_current_instance().addHandler(caplog.handler)
    try:
        ours.init_weights()
    finally:
        MMLogger.get_current_instance().removeHandler(caplog.handler)
    assert 'load backbone. in model' in caplog.text and 'missing keys' not in caplog.text
    for name, value in ours.state_dict().items():
        assert value.equal(source.backbone.state_dict()[name]), name
