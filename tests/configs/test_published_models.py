"""Every published model has a config of its size and settings."""

import json
from inspect import Parameter, signature

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from published import FOLDER, ORIGINAL, PORT, RELEASED, SHORT

from projects.kmax.converters import FORMATS, convert
from projects.kmax.models.postprocess.maps import PostprocessConfig
from projects.kmax.models.targets import build_targets

UNLABELED = 'kmax_convnext-l_8xb8-150k_coco-unlabeled-panoptic'
PUBLISHED = [*ORIGINAL.values(), UNLABELED, *PORT.values()]
# Millions, without the auxiliary semantic decoder (kMaX-DeepLab, Table 1).
IN_THE_PAPER = dict(zip(SHORT, (57, 74, 61, 83, 122, 232), strict=True))

READ_BY = {'train_cfg': build_targets, 'test_cfg': PostprocessConfig}


def find(settings, path):
    """Return a nested setting: ``a.b``; an absent one is the default where it is read, or None."""
    *parents, name = path.split('.')
    for key in parents:
        settings = settings.get(key, {})
    if name in settings:
        return settings[name]
    read_by = READ_BY.get(parents[-1]) or MODELS.get(settings['type'])
    parameter = signature(read_by).parameters.get(name)
    return None if parameter is None or parameter.default is Parameter.empty else parameter.default


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_there_are_26():
    assert len(PUBLISHED) == len({*PUBLISHED}) == 26


@pytest.mark.parametrize('name', PUBLISHED)
def test_config_is_short(name):
    assert len((FOLDER / f'{name}.py').read_text().splitlines()) <= 30


@pytest.mark.parity
@pytest.mark.parametrize('case', ORIGINAL)
def test_model_has_all_variables_of_the_original(case, on_meta, deeplab2_shapes):
    state = on_meta(ORIGINAL[case])[1].state_dict()
    ours = [tuple(x.shape) for name, x in state.items() if not name.endswith('batches_tracked')]
    theirs = deeplab2_shapes[case].values()
    assert len(ours) == len(theirs)
    assert sum(torch.Size(s).numel() for s in ours) == sum(torch.Size(s).numel() for s in theirs)


@pytest.mark.parametrize('case', PORT)
def test_model_has_all_parameters_of_the_port(case, on_meta, oracle):
    recorded = json.loads(oracle('pytorch/manifest_summary.json').read_text())[case]['params']
    model = on_meta(PORT[case])[1]
    assert count(model.backbone) == recorded['backbone']
    assert count(model.panoptic_head.pixel_decoder) == recorded['pixel_decoder']
    assert count(model.panoptic_head.semantic_decoder) == recorded['aux_semantic']
    assert count(model) == recorded['total']


@pytest.mark.parametrize('backbone', IN_THE_PAPER)
def test_model_has_the_papers_parameters(backbone, on_meta):
    model = on_meta(ORIGINAL[f'coco_{backbone}'])[1]
    parameters = count(model) - count(model.panoptic_head.semantic_decoder)
    assert parameters == pytest.approx(IN_THE_PAPER[backbone] * 1e6, rel=0.01)


# Settings of the original everywhere and by data set, then what the port's recipe has otherwise.
SHARED = {
    'optim_wrapper.optimizer.weight_decay': 0.05,
    'param_scheduler.warmup': 5000,
    'model.panoptic_head.criterion.loss_cls.loss_weight': 3,
    'model.panoptic_head.criterion.loss_dice.loss_weight': 3,
    'model.panoptic_head.criterion.loss_mask.loss_weight': 0.3,
    'model.panoptic_head.criterion.loss_insdis.loss_weight': 1,
    'model.panoptic_head.criterion.loss_insdis.num_samples': 4096,
    'model.panoptic_head.criterion.loss_semantic.loss_weight': 1,
    'model.panoptic_head.criterion.loss_semantic.num_samples': 0,  # all
    'model.test_cfg.postprocess': 'deeplab2',
    'model.test_cfg.pixel_confidence_threshold': 0.4,
    'model.test_cfg.reorder_class_weight': 1,
}
DATA_SETS = ('coco', 'cityscapes', 'ade20k')
DECODER, HEAD = 'KMaXSemanticDecoder', 'KMaXSemanticHead'
OF_DATA_SETS = {
    'train_cfg.max_iters': (150000, 60000, 100000),
    'train_dataloader.batch_size': (8, 4, 8),
    'auto_scale_lr.base_batch_size': (64, 32, 64),
    'optim_wrapper.optimizer.lr': (5e-4, 3e-4, 5e-4),
    'model.data_preprocessor.pad_size': ((1281, 1281), (1025, 2049), (1281, 1281)),
    'model.panoptic_head.num_things_classes': (80, 8, 100),
    'model.panoptic_head.num_stuff_classes': (53, 11, 50),
    'model.panoptic_head.semantic_decoder.type': (DECODER, HEAD, DECODER),
    'model.panoptic_head.semantic_decoder.num_classes': (134, None, 151),  # None: 19, as the head
    'model.panoptic_head.transformer_decoder.num_queries': (128, 256, 128),
    'model.panoptic_head.transformer_decoder.drop_path_rate': (0.2, 0.2, 0),
    'model.panoptic_head.criterion.loss_insdis.sample_temperature': (1.5, 0.6, 1.5),
    'model.panoptic_head.criterion.loss_semantic.top_k': (1, 0.2, 1),
    'model.train_cfg.max_things': (128, 256, 256),
    'model.train_cfg.small_instance_area': (0, 4096, 0),
    'model.train_cfg.small_instance_weight': (1, 3, 1),
    'model.test_cfg.class_threshold_thing': (0.7, 0.5, 0.4),
    'model.test_cfg.class_threshold_stuff': (0.5, 0.3, 0.4),
    'model.test_cfg.overlap_threshold': (0.8, 0.9, 0.8),
    'model.test_cfg.reorder_mask_weight': (1, 0, 1),
    'model.test_cfg.thing_area_limit': (400, 256, 0),
    'model.test_cfg.stuff_area_limit': (6400, 2048, 0),
}
OF_PORT = {
    'optim_wrapper.optimizer.eps': 1e-8,
    'param_scheduler.start_factor': 0.001,
    'model.panoptic_head.criterion.loss_semantic.num_samples': 4096,
    'model.panoptic_head.criterion.loss_semantic.sample_temperature': 2,
    'model.panoptic_head.semantic_decoder.act': None,
    'model.train_cfg.max_things': None,
    'model.test_cfg.postprocess': 'port',
    'model.test_cfg.thing_area_limit': 0,
    'model.test_cfg.stuff_area_limit': 0,
}
OF_PORT_ON_CITYSCAPES = {
    'model.panoptic_head.criterion.loss_semantic.num_samples': 0,
    'model.panoptic_head.criterion.loss_semantic.top_k': 1,
    'model.train_cfg.small_instance_area': 0,
}
SCALES = {'coco': ((0.3, 1.7), (0.15, 0.85)), 'coco-port': ((0.2, 2.0), (0.1, 1.0))}
OTHER_SCALES = ((0.5, 2.0), (0.25, 1.0))
# By data set and backbone, in both recipes alike.
DROP_PATH = {
    'coco': {'axial-r50': 0.2, 'convnext-t': 0.3, 'convnext-s': 0.4, 'convnext-b': 0.5}
    | {'convnext-l': 0.6},
    'cityscapes': {'axial-r50': 0.2, 'convnext-t': 0.2, 'convnext-s': 0.3, 'convnext-b': 0.4}
    | {'convnext-l': 0.6},
    'ade20k': {'convnext-l': 0.7},
}


def data_set_of(name):
    return next(data_set for data_set in DATA_SETS if data_set in name)


@pytest.mark.parametrize('name', PUBLISHED)
def test_settings_are_the_published_ones(name, on_meta):
    config = on_meta(name)[0]
    data_set = data_set_of(name)
    column = DATA_SETS.index(data_set)
    expected = SHARED | {path: values[column] for path, values in OF_DATA_SETS.items()}
    if '-port_' in name:
        expected |= OF_PORT | (OF_PORT_ON_CITYSCAPES if data_set == 'cityscapes' else {})
    elif name.endswith('641x641'):
        expected |= {
            'model.data_preprocessor.pad_size': (641, 641),
            'model.panoptic_head.criterion.loss_insdis.num_samples': 1024,
        }
    backbone = name.split('_')[1].removesuffix('-port')
    expected |= {'model.backbone.drop_path_rate': DROP_PATH[data_set].get(backbone)}
    settings = config.to_dict()
    found = {path: find(settings, path) for path in expected}
    assert found == expected


@pytest.mark.parametrize('name', PUBLISHED)
def test_pipelines_have_the_published_sizes_and_scales(name, on_meta):
    config = on_meta(name)[0]
    data_set = data_set_of(name)
    crop = tuple(config.model.data_preprocessor.pad_size)
    dataset = config.train_dataloader.dataset
    for part in dataset.get('datasets', [dataset]):
        copy_paste = part.pipeline[-2 if '-port_' not in name else -3]
        steps = [part.pipeline, copy_paste.source_pipeline]
        key = f'{data_set}-port' if '-port_' in name else data_set
        for pipeline, expected in zip(steps, SCALES.get(key, OTHER_SCALES), strict=True):
            assert [s.scale_range for s in pipeline if 'scale_range' in s] == [expected]
            sizes = {
                tuple(s[key])
                for s in pipeline
                for key in ('crop_size', 'target_size', 'size')
                if key in s and s.type != 'RandomCrop'
            }
            assert sizes == {crop}
    resizes = [s for s in config.test_dataloader.dataset.pipeline if 'Resize' in s.type]
    if data_set == 'cityscapes' and '-port_' not in name:
        assert resizes == []
    else:
        assert [tuple(s.get('crop_size') or s.scale) for s in resizes] == [crop]


def test_port_takes_low_levels_as_they_are(on_meta):
    model = on_meta(PORT['convnext_tiny'])[1]
    assert isinstance(model.panoptic_head.semantic_decoder.act, torch.nn.Identity)


def make_sample(config, height, width):
    """Two things, one stuff segment and void."""
    ids = torch.zeros(1, height, width, dtype=torch.int16)
    ids[:, : height // 2], ids[:, height // 2 :, : width // 3] = 3, 1
    ids[:, height // 2 :, width // 2 :] = 2
    sample = DetDataSample(metainfo=dict(img_shape=(height, width), ori_shape=(height, width)))
    sample.gt_panoptic_seg = PixelData(ids=ids)
    stuff = config.model.panoptic_head.num_things_classes
    sample.gt_segments = InstanceData(labels=torch.tensor([0, 3, stuff + 1]))
    return sample


@pytest.mark.slow
@pytest.mark.parametrize(
    ('form', 'case', 'name'), [*RELEASED, ('deeplab2', 'coco_convnext_large', UNLABELED)]
)
def test_converted_model_trains_and_predicts(
    form, case, name, on_meta, deeplab2_variables, port_tensors
):
    config = on_meta(name)[0]
    init_default_scope(config.default_scope)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    weights = (deeplab2_variables if form == 'deeplab2' else port_tensors)(case)
    model.load_state_dict(convert(FORMATS[form], weights, model).state, strict=True)
    images = torch.randn(1, 3, 129, 161)
    losses = model.loss(images, [make_sample(config, 129, 161)])
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    assert all(value.isfinite() for value in losses.values())
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    model.eval()
    with torch.no_grad():
        result = model.predict(images, [make_sample(config, 129, 161)])[0]
    assert result.pred_panoptic_seg.sem_seg.shape == (1, 129, 161)
