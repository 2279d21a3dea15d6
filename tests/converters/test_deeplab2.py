"""Every variable of every released kind of checkpoint has its place in our networks."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
from functools import partial
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.converters import FORMATS, ConversionError, convert
from projects.kmax.converters.deeplab2 import SUFFIX

CONFIG = Path(__file__).resolve().parents[2] / 'configs/kmax/_base_/models/kmax_r50.py'
DEEPLAB2 = FORMATS['deeplab2']
SLOT = '/.OPTIMIZER_SLOT/optimizer/m'
CASES = [
    *(f'coco_{b}' for b in ('r50', 'axial_r50')),
    *(f'cityscapes_{b}' for b in ('r50', 'axial_r50')),
    *(f'ade20k_r50_{size}' for size in (641, 1281)),
]
CONVNEXT = [
    *(f'coco_convnext_{size}' for size in ('tiny', 'small', 'base', 'large')),
    *(f'cityscapes_convnext_{size}' for size in ('tiny', 'small', 'base', 'large')),
    *(f'ade20k_convnext_large_{size}' for size in (641, 1281)),
]
WIDTHS = {'tiny': 96, 'small': 96, 'base': 128, 'large': 192}


def model_config(case):
    """Config of the model in a released checkpoint."""
    data_set, *backbone = case.removesuffix('_641').removesuffix('_1281').split('_')
    config = Config.fromfile(CONFIG).model
    head = config.panoptic_head
    if backbone[0] == 'axial':
        config.backbone = dict(type='AxialResNet')
        head.in_channels = [128, 256, 512, 1024, 2048]
    elif backbone[0] == 'convnext':
        config.backbone = dict(type='KMaXConvNeXt', arch=backbone[1])
        width = WIDTHS[backbone[1]]
        head.in_channels = [width, *(width * 2**i for i in range(4))]
    if data_set == 'cityscapes':
        head.num_things_classes, head.num_stuff_classes = 8, 11
        head.pixel_decoder.channels = (512, 256, 128, 64, 32)
        head.pixel_decoder.num_blocks = (1, 5, 1, 1, 1)
        head.pixel_decoder.block_types = ('axial', 'axial', *['bottleneck'] * 3)
        head.transformer_decoder.num_queries = 256
        head.semantic_decoder = dict(type='KMaXSemanticHead')
    elif data_set == 'ade20k':
        head.num_things_classes, head.num_stuff_classes = 100, 50
        head.semantic_decoder.num_classes = 151
    return config


def build(config):
    """Build a model without memory or values."""
    init_default_scope('mmdet')
    with pytest.MonkeyPatch.context() as patch, torch.device('meta'):
        # Drop path rates are read from it as numbers.
        patch.setattr(torch, 'linspace', partial(torch.linspace, device='cpu'))
        return MODELS.build(config)


@pytest.fixture
def on_meta(deeplab2_shapes):
    """Return a function from a kind of checkpoint to its variables, without memory or values."""

    def make(case: str) -> dict[str, torch.Tensor]:
        shapes = deeplab2_shapes[case].items()
        return {name: torch.empty(shape, device='meta') for name, shape in shapes}

    return make


@pytest.fixture(scope='module')
def resnet():
    return build(model_config('coco_r50'))


def backbone_state(model):
    return {f'backbone.{name}' for name in model.backbone.state_dict()}


def test_cases_are_all_released_kinds(deeplab2_shapes):
    assert set(deeplab2_shapes) == {*CASES, *CONVNEXT}


@pytest.mark.parametrize('case', [*CASES, *CONVNEXT])
def test_every_variable_fills_a_weight_and_every_weight_is_filled(case, on_meta):
    model = build(model_config(case))
    variables = on_meta(case)
    result = convert(DEEPLAB2, variables, model)
    assert set(result.plan.targets) == set(variables)
    assert result.plan.left_out == {} and result.not_filled == {}
    assert list(result.state) == list(model.state_dict())
    model.load_state_dict(result.state, strict=True, assign=True)


@pytest.mark.parametrize(
    ('prefix', 'case'),
    [('', 'coco_r50'), ('backbone/_', 'coco_r50'), ('', 'coco_axial_r50')],
    ids=['own', 'Model Garden', 'MaX-S'],
)
def test_imagenet_weights_fill_the_backbone(prefix, case, on_meta):
    model = build(model_config(case))
    variables = {f'{prefix}{k}': v for k, v in on_meta(case).items() if k.startswith('encoder/')}
    extra = ['classifier/kernel' + SUFFIX, 'global_step' + SUFFIX]
    result = convert(DEEPLAB2, variables | dict.fromkeys(extra, torch.zeros(1)), model)
    assert set(result.state) == backbone_state(model)
    assert set(result.plan.targets) == set(variables)
    assert sorted(result.plan.left_out) == extra
    own = {name for name in model.state_dict() if not name.endswith('num_batches_tracked')}
    assert set(result.not_filled) == own - backbone_state(model)
    assert set(result.not_filled.values()) == {'ImageNet weights are the backbone only'}


def test_keras_weights_of_convnext_fill_the_backbone(on_meta):
    model = build(model_config('coco_convnext_tiny'))
    variables = {
        k.removeprefix('encoder/'): v
        for k, v in on_meta('coco_convnext_tiny').items()
        if k.startswith('encoder/')
    }
    assert any(k.startswith('stages/') for k in variables)
    result = convert(DEEPLAB2, variables | {'norm/gamma': torch.zeros(1)}, model)
    assert set(result.state) == backbone_state(model)
    assert list(result.plan.left_out) == ['norm/gamma']


def test_state_of_the_training_is_left_out_with_its_reason(resnet, on_meta):
    variables = on_meta('coco_r50')
    some = 'encoder/_stem/_conv/kernel'
    extra = {
        '_CHECKPOINTABLE_OBJECT_GRAPH': "TensorFlow's description of the objects",
        f'{some}{SLOT}{SUFFIX}': 'state of the optimizer',
        f'optimizer/iter{SUFFIX}': 'state of the optimizer',
        f'backbone_optimizer/learning_rate{SUFFIX}': 'state of the optimizer',
        f'global_step{SUFFIX}': 'counter of the training',
        f'save_counter{SUFFIX}': 'counter of the training',
    }
    # They hold no tensors: reading them would fail.
    result = convert(DEEPLAB2, variables | dict.fromkeys(extra), resnet)
    assert result.plan.left_out == extra
    assert set(result.plan.targets) == set(variables)


def test_semantic_weights_are_left_out_where_the_config_has_no_such_decoder(on_meta):
    config = model_config('coco_r50')
    config.panoptic_head.semantic_decoder = None
    result = convert(DEEPLAB2, on_meta('coco_r50'), build(config))
    semantic = {k for k in on_meta('coco_r50') if k.startswith('semantic_')}
    assert set(result.plan.left_out) == semantic and len(semantic) > 50
    assert set(result.plan.left_out.values()) == {'the config has no auxiliary semantic decoder'}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda v: v.update({'encoder/_new': 1, 'more': 1}),
            '2 unknown tensors: encoder/_new, more',
        ),
        (lambda v: v.popitem(), "1 of the model's weights are missing: panoptic_head"),
        (
            lambda v: v.update({f'transformer_class_head/_conv/bias{SUFFIX}': torch.zeros(7)}),
            r'1 tensors have other shapes.*transformer_class_head/_conv/bias.*: \(7,\) instead of '
            r'the \(134,\) of panoptic_head.predictor.class_head.bias',
        ),
        (
            lambda v: v.update({'transformer_class_head/_conv/bias': torch.zeros(134)}),
            'two tensors for panoptic_head.predictor.class_head.bias',
        ),
    ],
    ids=['unknown', 'missing', 'shape', 'twice'],
)
def test_what_does_not_fit_is_named(resnet, on_meta, change, message):
    variables = on_meta('coco_r50')
    change(variables)
    with pytest.raises(ConversionError, match=message):
        convert(DEEPLAB2, variables, resnet)


def test_other_backbone_is_named(resnet, on_meta):
    with pytest.raises(ConversionError) as error:
        convert(DEEPLAB2, on_meta('coco_axial_r50'), resnet)
    for part in (
        'not one of the model in the config',
        "tensors without a place in the config's model: encoder/",
        "of the model's weights are missing: backbone.conv1.weight",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ('case', 'first', 'last'),
    [('coco_r50', [1, 2], [133, 0]), ('ade20k_r50_641', [8, 9], [146, 0])],
)
def test_semantic_channels_are_things_stuff_void(case, first, last):
    model = build(model_config(case))
    bias = torch.arange(model.panoptic_head.semantic_decoder.head.final.out_channels)
    ours = DEEPLAB2.layout(f'semantic_last_layer/bias{SUFFIX}', bias, model).tolist()
    assert (ours[:2], ours[-2:]) == (first, last)


def test_cityscapes_has_no_void_channel():
    model = build(model_config('cityscapes_r50'))
    kernel = torch.arange(19.0).expand(1, 1, 256, 19)
    ours = DEEPLAB2.layout('semantic_last_layer/kernel', kernel, model)[:, 0, 0, 0].tolist()
    assert ours == [*range(11, 19), *range(11)]


def test_unknown_class_order_is_an_error(on_meta):
    config = model_config('coco_r50')
    config.panoptic_head.num_things_classes, config.panoptic_head.num_stuff_classes = 60, 73
    with pytest.raises(ConversionError, match='60 thing and 73 stuff classes'):
        convert(DEEPLAB2, on_meta('coco_r50'), build(config))
