import json
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import projects.kmax  # noqa: F401
from projects.kmax.converters.port import convert_port, our_layout, our_name

CONFIG = Path(__file__).resolve().parents[2] / 'configs/kmax/_base_/models/kmax_r50-port.py'
MANIFESTS = [
    'r50',
    'ade_r50',
    'city_r50',
    'convnext_tiny',
    'convnext_small',
    'convnext_base',
    'convnext_large',
    'ade_convnext_large',
    'city_convnext_large',
]


def manifest(oracle, name):
    """Names and shapes of a released checkpoint."""
    entries = json.loads(oracle(f'pytorch/manifest_{name}.json').read_text())
    return {entry: tuple(shape) for entry, shape, _ in entries}


def empty_state(shapes):
    return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


CITYSCAPES = dict(
    pixel_decoder=dict(
        channels=(512, 256, 128, 64, 32),
        num_blocks=(1, 5, 1, 1, 1),
        block_types=('axial', 'axial', 'bottleneck', 'bottleneck', 'bottleneck'),
        in_indices=(4, 3, 2, 0, 1),
    ),
    transformer_decoder=dict(num_queries=256),
)


@pytest.mark.parametrize(
    ('name', 'things', 'stuff', 'semantic'),
    [
        ('r50', 80, 53, dict(num_classes=134)),
        ('ade_r50', 100, 50, dict(num_classes=151)),
        ('city_r50', 8, 11, dict(_delete_=True, type='KMaXSemanticHead')),
    ],
)
def test_every_parameter_has_its_place(oracle, name, things, stuff, semantic):
    init_default_scope('mmdet')
    config = Config.fromfile(CONFIG)
    head = dict(num_things_classes=things, num_stuff_classes=stuff, semantic_decoder=semantic)
    if name.startswith('city'):
        head |= CITYSCAPES
    config.merge_from_dict(dict(model=dict(panoptic_head=head)))
    wanted = MODELS.build(config.model).state_dict()
    state = convert_port(empty_state(manifest(oracle, name)), range(things + stuff))
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in wanted.items()}


@pytest.mark.parametrize('name', MANIFESTS)
def test_no_two_parameters_share_a_name(oracle, name):
    names = list(manifest(oracle, name))
    assert len({our_name(entry) for entry in names}) == len(names)


def test_class_channels_follow_our_order():
    order = [2, 0, 1]
    prefix = 'sem_seg_head.predictor.'
    state = {
        f'{prefix}_predcitor._transformer_class_head.conv.bias': torch.arange(4),
        f'{prefix}_auxiliary_semantic_predictor.final_conv.conv.bias': torch.arange(4),
        f'{prefix}_auxiliary_semantic_predictor.2.conv.weight': torch.arange(3),
    }
    values = [value.tolist() for value in convert_port(state, order).values()]
    assert values == [[2, 0, 1, 3], [2, 0, 1, 3], [2, 0, 1]]


def test_layouts():
    axis = 'sem_seg_head.pixel_decoder._stages.0._blocks.0._attention._height_axis'
    assert our_layout(f'{axis}.qkv_transform.conv.weight', torch.zeros(6, 4, 1)).ndim == 4
    centers = our_layout('sem_seg_head.predictor._cluster_centers.weight', torch.zeros(6, 4))
    assert centers.shape == (4, 6)


def test_missing_counts_are_filled():
    prefix = 'sem_seg_head.predictor._class_embedding_projection.norm'
    state = convert_port({f'{prefix}.running_mean': torch.zeros(3)}, [])
    count = state['panoptic_head.transformer_decoder.class_proj.bn.num_batches_tracked']
    assert count.dtype == torch.long and count == 0


def test_unknown_parameters_are_named():
    with pytest.raises(KeyError, match='criterion.empty_weight'):
        convert_port({'criterion.empty_weight': torch.zeros(3)}, [])
    with pytest.raises(KeyError, match='_conv9_bn'):
        our_name('sem_seg_head.pixel_decoder._stages.0._blocks.0._conv9_bn.conv.weight')


def test_wrong_class_order_is_refused():
    name = 'sem_seg_head.predictor._predcitor._transformer_class_head.conv.bias'
    with pytest.raises(ValueError, match='has 20 channels.*order of 5 classes'):
        convert_port({name: torch.zeros(20)}, range(5))
    with pytest.raises(ValueError, match='order of 3 classes'):
        convert_port({name: torch.zeros(4)}, [0, 1, 1])
