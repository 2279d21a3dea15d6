"""Which tensors of the PyTorch port's checkpoints have which place in our networks."""

import pytest
import torch
from published import PORT as CONFIGS

from projects.kmax.converters import FORMATS, ConversionError, Plan, convert
from projects.kmax.converters.port import class_rows, layout, our_name

PORT = FORMATS['port']
PREDICTOR = 'sem_seg_head.predictor.'
CLASS_HEAD = f'{PREDICTOR}_predcitor._transformer_class_head.conv.bias'
COUNT = '.num_batches_tracked'


def test_files_of_the_ports_converter_lack_counts_of_batches(released, meta_model):
    state = {k: v for k, v in released['port']['r50'].items() if not k.endswith(COUNT)}
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
    rows = rows_of(released['port'][case], meta_model(CONFIGS[case]))
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
    names = [name for name in released['port']['ade_r50'] if not name.endswith(COUNT)]
    rows = rows_of(names, meta_model(CONFIGS['ade_r50']))
    semantic = rows[f'{PREDICTOR}_auxiliary_semantic_predictor.final_conv.conv.bias']
    assert (semantic[:3], semantic[-3:]) == ([8, 9, 11], [142, 146, 0])
    assert rows[CLASS_HEAD][:3] == [7, 8, 10]


def test_rows_are_permuted_by_value(released, meta_model):
    state = dict(released['port']['city_r50'])
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
    result = convert(PORT, released['port']['r50'] | extra, meta_model(CONFIGS['r50']))
    assert result.plan.left_out == dict.fromkeys(
        extra, 'not in the entry of weights of the file: state of a training'
    )


def test_unknown_parameters_are_named(released, meta_model):
    state = released['port']['r50'] | {'criterion.empty_weight': torch.zeros(3)}
    with pytest.raises(ConversionError, match='1 are unknown: criterion.empty_weight'):
        convert(PORT, state, meta_model(CONFIGS['r50']))
    with pytest.raises(KeyError, match='_conv9_bn'):
        our_name('sem_seg_head.pixel_decoder._stages.0._blocks.0._conv9_bn.conv.weight')
