"""Every tensor of the PyTorch port's checkpoints has its place in our networks."""

import pytest
import torch

from projects.kmax.converters import FORMATS, ConversionError, Plan, convert
from projects.kmax.converters.port import class_rows, layout, our_name

PORT = FORMATS['port']
COCO, CITYSCAPES, ADE20K = (
    'port_8xb8-150k_coco-panoptic',
    'port_8xb4-60k_cityscapes-panoptic',
    'port_8xb8-100k_ade20k-panoptic',
)
CONFIGS = {
    'r50': f'kmax_r50-{COCO}',
    'convnext_tiny': f'kmax_convnext-t-{COCO}',
    'convnext_small': f'kmax_convnext-s-{COCO}',
    'convnext_base': f'kmax_convnext-b-{COCO}',
    'convnext_large': f'kmax_convnext-l-{COCO}',
    'ade_r50': f'kmax_r50-{ADE20K}',
    'ade_convnext_large': f'kmax_convnext-l-{ADE20K}',
    'city_r50': f'kmax_r50-{CITYSCAPES}',
    'city_convnext_large': f'kmax_convnext-l-{CITYSCAPES}',
}
PREDICTOR = 'sem_seg_head.predictor.'
CLASS_HEAD = f'{PREDICTOR}_predcitor._transformer_class_head.conv.bias'
COUNT = '.num_batches_tracked'


def test_cases_are_all_released_checkpoints(released):
    assert set(released) == set(CONFIGS)


@pytest.mark.parametrize('case', CONFIGS)
@pytest.mark.parity
def test_every_tensor_fills_a_weight_and_every_weight_is_filled(case, released, meta_model):
    model = meta_model(CONFIGS[case])
    result = convert(PORT, released[case], model)
    assert set(result.plan.targets) == set(released[case])
    assert result.plan.left_out == {} and result.not_filled == {}
    assert list(result.state) == list(model.state_dict())
    model.load_state_dict(result.state, strict=True, assign=True)


def test_files_of_the_ports_converter_lack_counts_of_batches(released, meta_model):
    state = {k: v for k, v in released['r50'].items() if not k.endswith(COUNT)}
    model = meta_model(CONFIGS['r50'])
    result = convert(PORT, state, model)
    assert list(result.state) == list(model.state_dict())
    assert not any(name.endswith(COUNT) for name in result.plan.targets.values())


def rows_of(names, model):
    plan = Plan(targets={name: our_name(name) for name in names})
    return class_rows(plan, model)


@pytest.mark.parametrize(
    ('case', 'first', 'last'),
    [
        ('r50', [0, 1, 2], [131, 132, 133]),
        # riders are class 12 of 19, ADE20K's first things are beds, windows and cabinets.
        ('city_r50', [11, 12, 13], [9, 10, 19]),
        ('ade_r50', [7, 8, 10], [141, 145, 150]),
    ],
)
def test_class_rows_are_things_stuff_void(case, first, last, released, meta_model):
    rows = rows_of(released[case], meta_model(CONFIGS[case]))
    order = rows[CLASS_HEAD]
    assert (order[:3], order[-3:]) == (first, last)
    assert sorted(order) == list(range(len(order)))
    heads = [name for name in rows if '_transformer_class_head' in name]
    # Six auxiliary heads and the final one.
    assert len(heads) == 14 and all(rows[name] == order for name in heads)
    semantic = [name for name in rows if name not in heads]
    expected = order if case != 'city_r50' else order[:-1]
    assert len(semantic) == 2 and all(rows[name] == expected for name in semantic)


def test_semantic_heads_of_the_original_start_with_void(released, meta_model):
    names = [name for name in released['ade_r50'] if not name.endswith(COUNT)]
    rows = rows_of(names, meta_model(CONFIGS['ade_r50']))
    semantic = rows[f'{PREDICTOR}_auxiliary_semantic_predictor.final_conv.conv.bias']
    assert (semantic[:3], semantic[-3:]) == ([8, 9, 11], [142, 146, 0])
    assert rows[CLASS_HEAD][:3] == [7, 8, 10]


def test_rows_are_permuted_by_value(released, meta_model):
    state = dict(released['city_r50'])
    state[CLASS_HEAD] = torch.arange(20.0)
    result = convert(PORT, state, meta_model(CONFIGS['city_r50']))
    bias = result.state['panoptic_head.predictor.class_head.bias']
    assert bias.tolist() == [*range(11, 19), *range(11), 19]


def test_layouts():
    axis = 'sem_seg_head.pixel_decoder._stages.0._blocks.0._attention._height_axis'
    assert layout(f'{axis}.qkv_transform.conv.weight', torch.zeros(6, 4, 1)).ndim == 4
    centers = layout(f'{PREDICTOR}_cluster_centers.weight', torch.zeros(6, 4))
    assert centers.shape == (4, 6)


def test_state_of_a_training_is_left_out(released, meta_model):
    extra = {'optimizer/state/0/exp_avg': torch.zeros(1)}
    result = convert(PORT, released['r50'] | extra, meta_model(CONFIGS['r50']))
    assert result.plan.left_out == dict.fromkeys(
        extra, 'not in the entry of weights of the file: state of a training'
    )


def test_semantic_weights_are_left_out_where_the_config_has_no_such_decoder(released, meta_model):
    model = meta_model(CONFIGS['r50'], panoptic_head=dict(semantic_decoder=None))
    result = convert(PORT, released['r50'], model)
    assert set(result.plan.left_out.values()) == {'the config has no auxiliary semantic decoder'}
    assert all('_auxiliary_semantic_predictor' in name for name in result.plan.left_out)
    assert len(result.plan.left_out) > 50


def test_unknown_parameters_are_named(released, meta_model):
    state = released['r50'] | {'criterion.empty_weight': torch.zeros(3)}
    with pytest.raises(ConversionError, match='1 are unknown: criterion.empty_weight'):
        convert(PORT, state, meta_model(CONFIGS['r50']))
    with pytest.raises(KeyError, match='_conv9_bn'):
        our_name('sem_seg_head.pixel_decoder._stages.0._blocks.0._conv9_bn.conv.weight')


def test_unknown_class_order_is_an_error(released, meta_model):
    classes = dict(num_things_classes=60, num_stuff_classes=73)
    model = meta_model(CONFIGS['r50'], panoptic_head=classes)
    with pytest.raises(ConversionError, match='60 thing and 73 stuff classes'):
        convert(PORT, released['r50'], model)
