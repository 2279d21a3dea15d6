"""Which variables of the original's checkpoints have which place in our networks."""

import pytest
import torch
from published import ORIGINAL

from projects.kmax.converters import FORMATS, ConversionError, Plan, convert
from projects.kmax.converters.deeplab2 import SUFFIX, class_rows
from projects.kmax.converters.deeplab2_names import Names, torch_layout

DEEPLAB2 = FORMATS['deeplab2']
R50 = ORIGINAL['coco_r50']
SLOT = '/.OPTIMIZER_SLOT/optimizer/m'


@pytest.fixture
def on_meta(released):
    """Return a function from a kind of checkpoint to its variables, without memory or values."""
    return lambda case: dict(released['deeplab2'][case])


def backbone_state(model):
    return {f'backbone.{name}' for name in model.backbone.state_dict()}


@pytest.mark.parametrize(
    ('prefix', 'case'),
    [('', 'coco_r50'), ('backbone/_', 'coco_r50'), ('', 'coco_axial_r50')],
    ids=['own', 'Model Garden', 'MaX-S'],
)
def test_imagenet_weights_fill_the_backbone(prefix, case, on_meta, meta_model):
    model = meta_model(ORIGINAL[case])
    variables = {f'{prefix}{k}': v for k, v in on_meta(case).items() if k.startswith('encoder/')}
    extra = ['classifier/kernel' + SUFFIX, 'global_step' + SUFFIX]
    result = convert(DEEPLAB2, variables | dict.fromkeys(extra, torch.zeros(1)), model)
    assert set(result.state) == backbone_state(model)
    assert set(result.plan.targets) == set(variables)
    assert sorted(result.plan.left_out) == extra
    own = {name for name in model.state_dict() if not name.endswith('num_batches_tracked')}
    assert set(result.not_filled) == own - backbone_state(model)
    assert set(result.not_filled.values()) == {'ImageNet weights are the backbone only'}


def test_keras_weights_of_convnext_fill_the_backbone(on_meta, meta_model):
    model = meta_model(ORIGINAL['coco_convnext_tiny'])
    variables = {
        k.removeprefix('encoder/'): v
        for k, v in on_meta('coco_convnext_tiny').items()
        if k.startswith('encoder/')
    }
    assert any(k.startswith('stages/') for k in variables)
    result = convert(DEEPLAB2, variables | {'norm/gamma': torch.zeros(1)}, model)
    assert set(result.state) == backbone_state(model)
    assert list(result.plan.left_out) == ['norm/gamma']


def test_state_of_the_training_is_left_out_with_its_reason(on_meta, meta_model):
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
    result = convert(DEEPLAB2, variables | dict.fromkeys(extra), meta_model(R50))
    assert result.plan.left_out == extra
    assert set(result.plan.targets) == set(variables)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda v: v.update({'encoder/_new': 1, 'more': 1}),
            'of the 1186 tensors in the checkpoint 2 are unknown: encoder/_new, more',
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
def test_what_does_not_fit_is_named(change, message, on_meta, meta_model):
    variables = on_meta('coco_r50')
    change(variables)
    with pytest.raises(ConversionError, match=message):
        convert(DEEPLAB2, variables, meta_model(R50))


@pytest.mark.parametrize(
    ('source', 'target', 'message'),
    [
        (
            'coco_axial_r50',
            'coco_r50',
            r"has AxialResNet \(MaX-S\), but the config's model has ResNet-50$",
        ),
        ('coco_convnext_tiny', 'coco_convnext_base', 'has ConvNeXt-tiny, but .* ConvNeXt-base$'),
        (
            'cityscapes_r50',
            'coco_r50',
            r"has 19 classes \(Cityscapes\), 256 queries, but the config's model has 133 classes "
            r'\(COCO\), 128 queries; convert with the config of the data set that it was trained',
        ),
        (
            'ade20k_convnext_large_641',
            'cityscapes_r50',
            r'has ConvNeXt-large, 150 classes \(ADE20K\), 128 queries, but',
        ),
    ],
)
def test_other_models_are_named(source, target, message, on_meta, meta_model):
    with pytest.raises(ConversionError, match=message):
        convert(DEEPLAB2, on_meta(source), meta_model(ORIGINAL[target]))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(num_stuff_classes=50),
            r'has 133 classes \(COCO\), but .* has 130 classes; convert with the config of',
        ),
        (
            dict(transformer_decoder=dict(num_queries=100)),
            'the checkpoint has 128 queries, but .* has 100 queries$',
        ),
    ],
)
def test_other_heads_are_named(changes, message, on_meta, meta_model):
    model = meta_model(R50, panoptic_head=changes)
    with pytest.raises(ConversionError, match=message):
        convert(DEEPLAB2, on_meta('coco_r50'), model)


@pytest.mark.parametrize(
    ('case', 'first', 'last'),
    [('coco_r50', [1, 2], [133, 0]), ('ade20k_r50_641', [8, 9], [146, 0])],
)
def test_semantic_channels_are_things_stuff_void(case, first, last, on_meta, meta_model):
    variables = on_meta(case)
    name = f'semantic_last_layer/bias{SUFFIX}'
    variables[name] = torch.arange(len(variables[name]), dtype=torch.float32)
    result = convert(DEEPLAB2, variables, meta_model(ORIGINAL[case]))
    ours = result.state['panoptic_head.semantic_decoder.head.final.bias'].tolist()
    assert (ours[:2], ours[-2:]) == (first, last)


def test_cityscapes_has_no_void_channel(meta_model):
    plan = Plan(targets={'semantic_last_layer/kernel': 'x', 'semantic_last_layer/bias': 'y'})
    rows = class_rows(plan, meta_model(ORIGINAL['cityscapes_r50']))
    assert rows == dict.fromkeys(plan.targets, [*range(11, 19), *range(11)])


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


RESNET, MAX_S = '_conv', '_conv1_bn_act'


@pytest.mark.parametrize(
    ('stem', 'name', 'expected'),
    [
        (RESNET, '_stage2/_block1/_shortcut/_conv/kernel', 'layer1.0.downsample.0.weight'),
        (RESNET, '_stage5/_block3/_conv2_bn_act/_batch_norm/beta', 'layer4.2.bn2.bias'),
        (MAX_S, '_stage2/_block1/_shortcut/_conv/kernel', 'stages.0.0.shortcut.conv.weight'),
        (
            MAX_S,
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
