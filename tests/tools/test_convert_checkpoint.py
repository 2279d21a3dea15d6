"""The command, on a reader that knows variables by name only."""

import sys
import tarfile

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.apis import DetInferencer, init_detector
from mmengine.config import Config
from mmengine.registry import MODELS as ENGINE_MODELS
from mmengine.testing.runner_test_case import ToyModel

CONFIG = ROOT / 'configs/kmax/kmax_axial-r50_8xb8-150k_coco-panoptic.py'
SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'


@pytest.fixture
def arguments(release_checkpoint, release_config, tmp_path):
    """What most runs are given."""
    return ('deeplab2', release_checkpoint, tmp_path / 'ours.pth', '--config', release_config)


@pytest.fixture
def tool(release_reader, convert_checkpoint):
    """The command, with TensorFlow replaced by ``release_variables``."""
    return convert_checkpoint


def test_result_is_taken_by_init_detector(
    tool, arguments, release_config, release_variables, capsys
):
    dst = arguments[2]
    tool(*arguments)
    printed = capsys.readouterr().out
    used = len(release_variables) - 1
    for line in (
        f'used        {used} of {used + 1} tensors',
        f'1: counter of the training: global_step{SUFFIX}',
        f'filled      {used} weights; ',
        'not filled  0',
        f'written     {dst} (',
    ):
        assert line in printed

    content = torch.load(dst, weights_only=True)
    detector = init_detector(str(release_config), str(dst), device='cpu')
    assert list(content['state_dict']) == list(detector.state_dict())
    for name, value in detector.state_dict().items():
        torch.testing.assert_close(value, content['state_dict'][name], rtol=0, atol=0)
    kernel = release_variables['encoder/_stem/_conv2_bn_act/_conv/kernel' + SUFFIX]
    assert detector.backbone.stem[1].conv.weight.equal(kernel.permute(3, 2, 0, 1))
    assert len(detector.dataset_meta['classes']) == 133
    assert len(detector.dataset_meta['palette']) == 133
    assert Config.fromstring(content['meta']['cfg'], '.py').model.type == 'KMaXDeepLab'


def test_result_alone_makes_an_inferencer(tool, arguments, release_config):
    tool(*arguments)
    release_config.unlink()
    inferencer = DetInferencer(weights=str(arguments[2]), device='cpu', show_progress=False)
    assert len(inferencer.model.dataset_meta['classes']) == 133
    result = inferencer(np.zeros((50, 70, 3), np.uint8), return_datasamples=True, return_vis=True)
    assert result['predictions'][0].pred_panoptic_seg.sem_seg.shape == (1, 50, 70)
    assert result['visualization'][0].ndim == 3


def test_folder_archive_and_index_give_the_same_bytes(
    tool, release_checkpoint, release_config, tmp_path
):
    archive = tmp_path / 'released.tar.gz'
    with tarfile.open(archive, 'w:gz') as tar:
        tar.add(release_checkpoint.parent, 'some/folder')
    sources = [
        release_checkpoint,
        release_checkpoint.parent,
        release_checkpoint.with_suffix('.index'),
        archive,
    ]
    contents = set()
    for i, source in enumerate(sources):
        dst = tmp_path / f'{i}.pth'
        tool('deeplab2', source, dst, '--config', release_config)
        contents.add(dst.read_bytes())
    assert len(contents) == 1


@pytest.fixture
def model_only(release_config, tmp_path):
    """A config without data."""
    path = tmp_path / 'model_only.py'
    path.write_text(f"_base_ = '{release_config}'\ntest_dataloader = dict(_delete_=True)")
    return path


def test_imagenet_weights_need_no_data_set(tool, arguments, model_only, release_variables, capsys):
    for name in [name for name in release_variables if not name.startswith('encoder/')]:
        del release_variables[name]
    tool(*arguments[:-1], model_only)
    content = torch.load(arguments[2], weights_only=True)
    assert all(name.startswith('backbone.') for name in content['state_dict'])
    assert 'dataset_meta' not in content['meta']
    assert 'ImageNet weights are the backbone only: panoptic_head.' in capsys.readouterr().out


def test_unknown_variable_stops_the_command(tool, arguments, release_variables, conversion_error):
    release_variables['pixel_decoder/_new' + SUFFIX] = torch.zeros(1)
    error = conversion_error(*arguments)
    assert f'1 are unknown: pixel_decoder/_new{SUFFIX}' in error


def test_all_tensors_are_listed_where_asked_for(
    tool, arguments, release_variables, conversion_error, capsys
):
    lost = sorted(release_variables)[-9:]
    for i in range(9):
        release_variables[f'optimizer/{i}' + SUFFIX] = torch.zeros(1)
    tool(*arguments, '--verbose')
    printed = capsys.readouterr().out
    assert all(f'optimizer/{i}{SUFFIX}' in printed for i in range(9))
    assert printed.count(' -> ') == len(release_variables) - 10
    for name in lost:
        release_variables[f'_new/{name}'] = release_variables[name]
    short = conversion_error(*arguments)
    assert short.count('_new/') == 5 and short.endswith(', ...')
    error = conversion_error(*arguments, '--verbose')
    assert error.count('_new/') == 9 and not error.endswith('...')


def test_what_is_written_is_never_the_source(
    tool, release_checkpoint, release_config, conversion_error
):
    archive = release_checkpoint.parent.parent / 'x.tar.gz'
    archive.write_bytes(b'download')
    folder = release_checkpoint.parent
    for source, dst in (
        (archive, archive),
        (folder, folder / 'ckpt-1.index'),
        (folder, folder / 'checkpoint'),
        (release_checkpoint, folder / 'ckpt-1.index'),
        (folder / 'ckpt-1.index', folder / 'ckpt-1.data-00000-of-00001'),
    ):
        error = conversion_error('deeplab2', source, dst, '--config', release_config)
        assert f'{dst} would replace files of the checkpoint {source}' in error


def test_config_is_checked_before_values_are_read(
    tool, arguments, model_only, conversion_error, monkeypatch
):
    reader = sys.modules['tensorflow'].train.load_checkpoint('')
    read = []
    get_tensor = reader.get_tensor
    monkeypatch.setattr(reader, 'get_tensor', lambda name: read.append(name) or get_tensor(name))
    error = conversion_error(*arguments[:-1], model_only)
    assert f'{model_only} has no test_dataloader' in error
    # Their shapes tell the data set and the backbone.
    assert len(read) < 10


def test_missing_tensorflow_is_told(tool, arguments, conversion_error, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorflow', None)
    error = conversion_error(*arguments)
    assert 'needs TensorFlow' in error and 'pip install tensorflow-cpu' in error


def test_other_detector_is_named(tool, arguments, tmp_path, conversion_error):
    path = tmp_path / 'other.py'
    path.write_text("model = dict(type='mmengine.ToyModel')\n")
    ENGINE_MODELS.register_module('ToyModel', force=True, module=ToyModel)
    error = conversion_error(*arguments[:-1], path)
    assert f'{path} is the config of ToyModel, not KMaXDeepLab' in error


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('caffe', 'a', 'b.pth', '--config', CONFIG), "invalid choice: 'caffe'"),
        (('deeplab2', 'a', 'b.pth', '--config', 'absent.py'), 'file absent.py does not exist'),
        (('deeplab2', 'a', 'no/b.pth', '--config', CONFIG), 'no/b.pth must be a file in a folder'),
        (('deeplab2', 'a', '.', '--config', CONFIG), '. must be a file in a folder that exists'),
        (('deeplab2', 'a', 'b.pth'), 'required: --config'),
    ],
)
def test_wrong_arguments_are_named(conversion_error, arguments, message):
    assert message in conversion_error(*arguments)
