"""The command on files of PyTorch projects, with small networks."""

import os
import pickle
import resource
import tarfile

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.apis import DetInferencer, init_detector
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.engine.weights import check_weights, read_weights

CONFIGS = ROOT / 'configs/kmax'
PORT = CONFIGS / 'kmax_r50-port_8xb4-60k_cityscapes-panoptic.py'
SMALL = f"""
_base_ = '{PORT}'
crop_size = (65, 97)
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='Resize', scale=crop_size, keep_ratio=True, backend='pillow'),
    dict(type='PackKMaXInputs'),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    data_preprocessor=dict(pad_size=crop_size),
    backbone=dict(stem_channels=8, base_channels=8),
    panoptic_head=dict(
        in_channels=[8, 32, 64, 128, 256],
        pixel_decoder=dict(channels=(64, 16, 8, 8, 8), num_blocks=(1, 1, 1, 1, 1)),
        transformer_decoder=dict(num_queries=8, embed_dims=16, feedforward_channels=16,
                                 mask_channels=8, num_layers=(1, 0, 0)),
        semantic_decoder=dict(channels=8),
    ),
)
"""
CONVNEXT = f"""
_base_ = '{CONFIGS}/_base_/models/kmax_convnext-t.py'
model = dict(
    backbone=dict(arch=dict(_delete_=True, depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])),
    panoptic_head=dict(in_channels=[8, 8, 16, 24, 32]),
)
"""


def build(path):
    init_default_scope('mmdet')
    torch.manual_seed(0)
    return MODELS.build(Config.fromfile(path).model)


@pytest.fixture(scope='module')
def small(tmp_path_factory, port_release):
    """A small config in the port's recipe on Cityscapes, and the tensors of a released file."""
    path = tmp_path_factory.mktemp('config') / 'small.py'
    path.write_text(SMALL)
    return path, port_release('city_r50', build(path))


@pytest.fixture
def config(small):
    return small[0]


@pytest.fixture
def tensors(small):
    return small[1]


@pytest.fixture
def released(tmp_path, tensors):
    path = tmp_path / 'kmax.pth'
    torch.save(dict(model=tensors), path)
    return path


CLASS_HEAD = 'sem_seg_head.predictor._predcitor._transformer_class_head.conv.bias'


def test_result_is_taken_as_it_is(convert_checkpoint, released, config, tensors, tmp_path, capsys):
    dst = tmp_path / 'ours.pth'
    convert_checkpoint('port', released, dst, '--config', config)
    printed = capsys.readouterr()
    for line in (f'used        {len(tensors)} of {len(tensors)} tensors', 'not filled  0'):
        assert line in printed.out
    assert printed.err == ''
    detector = init_detector(str(config), str(dst), device='cpu')
    assert detector.dataset_meta['classes'][:2] == ('person', 'rider')
    assert len(detector.dataset_meta['palette']) == 19
    bias = detector.panoptic_head.predictor.class_head.bias
    assert bias.equal(tensors[CLASS_HEAD][[*range(11, 19), *range(11), 19]])
    assert detector.backbone.bn1.num_batches_tracked == 3
    inferencer = DetInferencer(weights=str(dst), device='cpu', show_progress=False)
    result = inferencer(np.zeros((50, 70, 3), np.uint8), return_datasamples=True)
    assert result['predictions'][0].pred_panoptic_seg.sem_seg.shape == (1, 50, 70)


def test_saved_again_it_gives_the_same_output(convert_checkpoint, released, config, tmp_path):
    path = tmp_path / 'ours.pth'
    convert_checkpoint('port', released, path, '--config', config)
    meta = torch.load(path, weights_only=True)['meta']
    image = torch.randn(1, 3, 65, 97)
    outputs = []
    for i in range(2):
        detector = init_detector(str(config), str(path), device='cpu')
        with torch.no_grad():
            outputs.append(detector.panoptic_head(detector.extract_feat(image)))
        path = tmp_path / f'{i}.pth'
        torch.save(dict(meta=meta, state_dict=detector.state_dict()), path)
    assert outputs[0].mask_logits.equal(outputs[1].mask_logits)
    assert outputs[0].cls_logits.equal(outputs[1].cls_logits)
    assert outputs[0].mask_logits.std() > 0


def test_pickle_and_file_of_torch_give_the_same_bytes(
    convert_checkpoint, released, config, tensors, tmp_path
):
    arrays = {name: value.numpy() for name, value in tensors.items()}
    path = tmp_path / 'kmax.pkl'
    path.write_bytes(pickle.dumps(dict(model=arrays, __author__='x', matching_heuristics=True)))
    results = set()
    for i, source in enumerate([released, released, path]):
        dst = tmp_path / f'{i}.pth'
        convert_checkpoint('port', source, dst, '--config', config)
        results.add(dst.read_bytes())
    assert len(results) == 1


def test_other_recipe_is_warned_of(convert_checkpoint, released, config, tmp_path, capsys):
    original = tmp_path / 'original.py'
    original.write_text(
        f"_base_ = '{config}'\nmodel = dict(panoptic_head=dict(pixel_decoder=dict(dilation=2)))"
    )
    convert_checkpoint('port', released, tmp_path / 'x.pth', '--config', original)
    error = capsys.readouterr().err
    assert f'warning: {original} differs from the network of the PyTorch port' in error
    assert 'in model.panoptic_head.pixel_decoder.dilation: they' in error


@pytest.fixture(scope='module')
def convnext(tmp_path_factory):
    """A small ConvNeXt's config without data, and its ImageNet weights in ConvNeXt's own words."""
    folder = tmp_path_factory.mktemp('convnext')
    path = folder / 'convnext.py'
    path.write_text(CONVNEXT)
    weights = {'norm.weight': torch.ones(32), 'head.weight': torch.zeros(21841, 32)}
    for name, value in build(path).backbone.state_dict().items():
        theirs = name.replace('depthwise_conv', 'dwconv').replace('pointwise_conv', 'pwconv')
        weights[theirs] = torch.randn(value.shape)
    source = folder / 'convnext_22k.pth'
    torch.save(dict(model=weights), source)
    return path, source


def test_imagenet_weights_start_a_backbone(convert_checkpoint, convnext, tmp_path, capsys):
    path, source = convnext
    dst = tmp_path / 'backbone.pth'
    convert_checkpoint('convnext', source, dst, '--config', path)
    printed = capsys.readouterr().out
    for line in (
        'left out    2\n  2: of the classifier on ImageNet: norm.weight, head.weight',
        'ImageNet weights are the backbone only: panoptic_head.',
        f"use it as   load_from = '{dst}', or as --help says",
    ):
        assert line in printed
    weights = torch.load(dst, weights_only=True)['state_dict']
    backbone = Config.fromfile(path).model.backbone
    backbone.init_cfg = dict(type='Pretrained', checkpoint=str(dst), prefix='backbone.')
    backbone = MODELS.build(backbone)
    backbone.init_weights()
    assert {f'backbone.{name}' for name in backbone.state_dict()} == set(weights)
    assert all(v.equal(weights[f'backbone.{k}']) for k, v in backbone.state_dict().items())
    # As load_from does before it loads.
    check_weights(build(path), read_weights(str(dst)), str(dst), starts=True)


@pytest.fixture
def existing(tmp_path):
    path = tmp_path / 'mine.pth'
    path.write_bytes(b'precious')
    return path


class Attack:
    def __reduce__(self):
        return os.system, ('true',)


@pytest.mark.parametrize('written', ['torch', 'pickle'])
def test_code_is_refused(conversion_error, config, tmp_path, existing, written):
    source = tmp_path / 'kmax.pkl'
    if written == 'torch':
        torch.save(dict(model=Attack()), source)
    else:
        source.write_bytes(pickle.dumps(dict(model=Attack())))
    error = conversion_error('port', source, existing, '--config', config)
    assert f'{source} is refused: to be read it wants posix.system, which can run code' in error


@pytest.mark.parametrize('kind', ['port', 'convnext', 'deeplab2', 'ours', 'mmpretrain'])
def test_wrong_format_is_named(
    conversion_error, convert_checkpoint, config, released, convnext, tmp_path, existing, kind
):
    source = {'port': released, 'convnext': convnext[1]}.get(kind, tmp_path / 'x')
    words = f'looks like a checkpoint of format {kind}; as timm: '
    if kind == 'deeplab2':
        with tarfile.open(source, 'w:gz') as tar:
            tar.add(released, 'ckpt-1.index')
    elif kind == 'ours':
        convert_checkpoint('port', released, source, '--config', config)
        words = 'looks like a checkpoint of this project, which needs no conversion; as timm: '
    elif kind == 'mmpretrain':
        torch.save({'backbone.conv1.weight': torch.zeros(1)}, source)
        words = 'looks like a checkpoint of OpenMMLab, which needs no conversion: give it to'
    error = conversion_error('timm', source, existing, '--config', config)
    assert f'error: {source} {words}' in error
    if kind == 'port':
        error = conversion_error('deeplab2', source, existing, '--config', config)
        assert f'{source} looks like a checkpoint of format port; as deeplab2: ' in error


@pytest.mark.parametrize('size', [0, 1000, 100_000])
def test_cut_file_is_named(conversion_error, released, config, existing, size):
    released.write_bytes(released.read_bytes()[:size])
    error = conversion_error('port', released, existing, '--config', config)
    assert f'{released} cannot be read' in error and 'it may be damaged' in error


def test_archive_with_parent_folders_is_refused(conversion_error, config, tmp_path, existing):
    archive = tmp_path / 'x.tar.gz'
    with tarfile.open(archive, 'w:gz') as tar:
        tar.add(config, '../../ckpt-1.index', filter=None)
    error = conversion_error('deeplab2', archive, existing, '--config', config)
    assert f'{archive} is refused: it names the file' in error
    assert "'../../ckpt-1.index', which leads out of the folder by .." in error


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        (
            "backbone=dict(_delete_=True, type='KMaXConvNeXt', arch='tiny')",
            "the checkpoint has ResNet-50, but the config's model has ConvNeXt-tiny",
        ),
        ('backbone=dict(depth=101)', "has ResNet-50, but the config's model has ResNet-101"),
        (
            'panoptic_head=dict(num_things_classes=80, num_stuff_classes=53)',
            "has 19 classes (Cityscapes), but the config's model has 133 classes (COCO); convert "
            'with the config of the data set that it was trained on',
        ),
        ('panoptic_head=dict(num_stuff_classes=3)', "(Cityscapes), but the config's model has 11"),
        (
            'panoptic_head=dict(transformer_decoder=dict(num_queries=9))',
            "has 8 queries, but the config's model has 9 queries",
        ),
    ],
)
def test_other_model_is_named(
    conversion_error, released, config, tmp_path, existing, model, message
):
    other = tmp_path / 'other.py'
    other.write_text(f"_base_ = '{config}'\nmodel = dict({model})")
    assert message in conversion_error('port', released, existing, '--config', other)


def test_full_disk_leaves_the_old_file_and_nothing_else(
    conversion_error, released, config, existing
):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        error = conversion_error('port', released, existing, '--config', config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f'{existing} cannot be written: ' in error and 'File too large' in error
