import os
import subprocess
import sys

import pytest
from forked import HERE
from helpers import NANO
from imports import ROOT
from mmengine.config import Config

from projects.kmax.engine.settings import check_settings


def refusal(cfg, own_names, overrides=()):
    """Return the message with which settings are refused, or None."""
    try:
        check_settings(cfg, own_names, overrides)
    except KeyError as error:
        return error.args[0]
    return None


def refusal_of(**changes):
    cfg = Config.fromfile(NANO)
    own_names = list(cfg)
    changes = {key.replace('__', '.'): value for key, value in changes.items()}
    cfg.merge_from_dict(changes)
    return refusal(cfg, own_names, changes)


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('train_cfg__max_iter', 'max_iters'),
        ('optim_wraper', 'optim_wrapper'),
        ('optim_wrapper__optimiser', 'optimizer'),
        ('optim_wrapper__optimizer__weight_decy', 'weight_decay'),
        ('param_scheduler__warm_up', 'warmup'),
        ('model__backbon', 'backbone'),
        ('model__panoptic_head__criterion__loss_msk', 'loss_mask'),
        ('model__panoptic_head__transformer_decoder__num_querys', 'num_queries'),
        ('default_hooks__checkpoint__intervall', 'interval'),
        ('train_dataloader__dataset__data_rot', 'data_root'),
        ('randomness__sed', 'seed'),
        ('auto_scale_lr__base_batchsize', 'base_batch_size'),
        ('train_dataloader__batchsize', 'batch_size'),
        ('optim_wrapper__paramwise_cfg__backbone_lrmult', 'backbone_lr_mult'),
        ('optim_wrapper__clip_grad__maxnorm', 'max_norm'),
        ('model__train_cfg__max_thing', 'max_things'),
        ('model__test_cfg__overlap_treshold', 'overlap_threshold'),
        ('something_new', 'unknown'),
    ],
)
def test_misspelt_setting_is_named(name, meant):
    message = refusal_of(**{name: 1})
    assert name.rpartition('__')[2] in message and meant in message


def test_tool_refuses_it_and_writes_nothing(tmp_path):
    command = [sys.executable, ROOT / 'tools/train.py', HERE / 'toy_training_config.py']
    command += ['--cfg-options', 'model.widht=1']
    env = dict(os.environ, PYTHONPATH=str(HERE))
    result = subprocess.run(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    message = 'unknown setting model.widht in the config or --cfg-options; did you mean width?'
    assert result.stderr.startswith(f'train.py: error: {message}')
    assert result.stderr.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_misspelt_setting_in_a_file_is_named():
    cfg = Config(dict(val_evaluater=dict(type='KMaXPanopticMetric')))
    message = refusal(cfg, list(cfg))
    assert 'unknown setting val_evaluater ' in message and 'did you mean val_evaluator?' in message


@pytest.mark.parametrize(
    'changes',
    [
        dict(),
        dict(find_unused_parameters=True, compile=dict(backend='eager')),
        dict(train_dataloader__dataset__indices=4, default_hooks__logger__interval=1),
        dict(optim_wrapper__accumulative_counts=2, custom_hooks=[dict(type='EMAHook')]),
        dict(optim_wrapper__clip_grad=dict(max_norm=1.0), randomness__deterministic=True),
    ],
)
def test_what_is_read_passes(changes):
    assert refusal_of(**changes) is None


@pytest.mark.parametrize(
    ('name', 'value', 'places'),
    [
        (
            'data_root',
            'elsewhere/',
            ['train_dataloader.dataset.data_root', 'val_evaluator.0.ann_file'],
        ),
        ('crop_size', (65, 65), ['train_dataloader.dataset.pipeline.2.crop_size']),
        ('train_pipeline', [], ['train_dataloader.dataset.pipeline,']),
        ('vis_backends', [], ['visualizer.vis_backends']),
        ('custom_imports', {}, ['the settings made of it']),
    ],
)
def test_overriding_what_only_the_files_read_is_refused(name, value, places):
    message = refusal_of(**{name: value})
    assert f'--cfg-options {name}: only the config files read this variable' in message
    assert all(place in message for place in places)


def test_variables_of_a_config_file_pass():
    names = ('backend_args', 'dataset_type', 'image_size', 'num_classes', 'max_iters', 'base_lr')
    cfg = Config({name: 1 for name in names} | dict(train_pipeline=[], test_pipeline=[]))
    assert refusal(cfg, list(cfg)) is None


@pytest.mark.parametrize('path', sorted(NANO.parent.glob('*.py')), ids=lambda path: path.stem)
def test_shipped_config_passes(path):
    cfg = Config.fromfile(path)
    assert refusal(cfg, list(cfg)) is None
