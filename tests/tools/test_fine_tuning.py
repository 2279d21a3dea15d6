"""The fine-tuning recipe on a converted COCO checkpoint and other classes; a narrow network."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.panoptic_format import write_panoptic_png

CONFIGS = ROOT / 'configs/kmax'
NARROW = """
model = dict(
    backbone=dict(stem_channels=8, base_channels=8),
    panoptic_head=dict(
        in_channels=[8, 32, 64, 128, 256],
        pixel_decoder=dict(channels=(64, 16, 8, 8), num_blocks=(1, 1, 1, 1)),
        transformer_decoder=dict(num_queries=8, embed_dims=16, feedforward_channels=16,
                                 mask_channels=8, num_layers=(1, 0, 0)),
        semantic_decoder=dict(channels=8),
    ),
)
"""
COCO = f"_base_ = '{CONFIGS}/kmax_r50-port_8xb8-150k_coco-panoptic.py'" + NARROW
# A step of full size; the weights are kept before the first iteration and after each.
FINE_TUNING = f"""
_base_ = '{CONFIGS}/kmax_r50_1xb2-40k_custom-panoptic.py'
{NARROW}
model['panoptic_head'].update(
    num_things_classes=3, num_stuff_classes=2, criterion=dict(loss_insdis=dict(num_samples=64))
)
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
for step in [*train_pipeline, *test_pipeline]:
    if 'crop_size' in step:
        step.crop_size = (65, 65)
del step
data_root = 'mine/'
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline), **loader)
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline), **loader)
val_evaluator = dict(ann_file='mine/panoptic_val.json', seg_prefix='mine/panoptic_val/')
load_from = 'coco.pth'
train_cfg = dict(max_iters=4, val_interval=4)
param_scheduler = dict(warmup=1)
custom_imports = dict(imports=['projects.kmax', 'keep_weights'], allow_failed_imports=False)
custom_hooks = [*_base_.custom_hooks, dict(type='KeepWeightsHook')]
"""
HOOK = """
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class KeepWeightsHook(Hook):
    def before_train_iter(self, runner, *_, **__):
        torch.save(runner.model.state_dict(), f'weights_{runner.iter}.pth')
"""
SHARED = {'person': 0, 'car': 1, 'sky-other-merged': 3}
NEW = {'robot': 2, 'lava': 4}
HEADS = ('class_head.weight', 'class_head.bias')
SEMANTIC = 'panoptic_head.semantic_decoder.head.final.'


def write_data(folder):
    """Two images per split; stuff stands before things in the JSON."""
    names = ('sky-other-merged', 'person', 'car', 'robot', 'lava')
    categories = [
        dict(id=n, name=name, isthing=int(name in ('person', 'car', 'robot')))
        for n, name in enumerate(names, start=1)
    ]
    segments = [dict(id=n, category_id=n, iscrowd=0, area=720) for n in range(1, 6)]
    ids = np.repeat(np.arange(1, 6), 12)[:, None].repeat(60, 1)
    rng = np.random.default_rng(0)
    for split in ('train', 'val'):
        images, annotations = [], []
        (folder / split).mkdir(parents=True)
        for number in (1, 2):
            jpg, png = f'{number}.jpg', f'{number}.png'
            cv2.imwrite(str(folder / split / jpg), rng.integers(0, 256, (60, 60, 3), np.uint8))
            write_panoptic_png(folder / f'panoptic_{split}' / png, ids)
            images.append(dict(id=number, file_name=jpg, height=60, width=60))
            annotations.append(dict(image_id=number, file_name=png, segments_info=segments))
        content = dict(images=images, annotations=annotations, categories=categories)
        (folder / f'panoptic_{split}.json').write_text(json.dumps(content))


@pytest.fixture(scope='module')
def run(tmp_path_factory, port_release, convert_checkpoint):
    """Convert, train for four iterations; return the folder and what was printed."""
    folder = tmp_path_factory.mktemp('fine_tuning')
    (folder / 'coco.py').write_text(COCO)
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(folder / 'coco.py').model)
    torch.save(dict(model=port_release('r50', model)), folder / 'released.pth')
    words = ('port', folder / 'released.pth', folder / 'coco.pth')
    convert_checkpoint(*words, '--config', folder / 'coco.py')
    write_data(folder / 'mine')
    (folder / 'mine.py').write_text(FINE_TUNING)
    (folder / 'keep_weights.py').write_text(HOOK)
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/train.py', 'mine.py', '--work-dir', 'run'],
        cwd=folder,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


@pytest.fixture(scope='module')
def coco(run):
    """The converted checkpoint and the names of its classes."""
    content = torch.load(run[0] / 'coco.pth', weights_only=True)
    return content['state_dict'], list(content['meta']['dataset_meta']['classes'])


@pytest.fixture(scope='module')
def saved(run):
    """The checkpoint of the training."""
    return torch.load(run[0] / 'run/iter_4.pth', weights_only=False)


def weights_after(run, iteration):
    return torch.load(run[0] / f'weights_{iteration}.pth')


def test_log_says_which_classes_continue(run):
    assert (
        '3 of 5 classes continue from the 133 of the checkpoint; these start anew: robot, lava'
    ) in run[1]
    assert 'coco.pth layers are for other classes: ' in run[1]


def test_rows_of_shared_classes_are_the_checkpoints_and_void_stays_last(run, coco, saved):
    old, names = coco
    new = weights_after(run, 0)
    heads = [name for name in new if name.endswith(HEADS)]
    assert len(heads) >= 4
    for name in [*heads, f'{SEMANTIC}weight', f'{SEMANTIC}bias']:
        semantic = name.startswith(SEMANTIC)
        # Void is a class of COCO's semantic decoder only.
        assert (len(old[name]), len(new[name])) == (134, 5 if semantic else 6)
        for label, row in SHARED.items():
            assert new[name][row].equal(old[name][names.index(label)]), (name, label)
        if not semantic:
            assert new[name][-1].equal(old[name][-1]), name
        for row in NEW.values():
            assert not any(new[name][row].equal(other) for other in old[name]), (name, row)
    classes = saved['meta']['dataset_meta']['classes']
    assert classes == ('person', 'car', 'robot', 'sky-other-merged', 'lava')


def test_other_weights_are_the_checkpoints(run, coco):
    old, new = coco[0], weights_after(run, 0)
    others = [name for name in old if not name.startswith(SEMANTIC) and 'class_head' not in name]
    assert old.keys() == new.keys() and len(others) > 300
    assert all(new[name].equal(old[name]) for name in others)


def test_statistics_of_the_backbone_are_kept(coco, saved):
    names = [n for n in coco[0] if n.startswith('backbone.') and n.endswith('running_mean')]
    assert names and all(saved['state_dict'][name].equal(coco[0][name]) for name in names)


def test_four_iterations_make_a_step(run, saved):
    name = 'panoptic_head.predictor.class_head.weight'
    before, after_three = (weights_after(run, iteration)[name] for iteration in (0, 3))
    assert before.equal(after_three)
    assert not before.equal(saved['state_dict'][name])


def test_learning_rate_is_that_of_eight_images(run, saved):
    assert 'the learning rate 0.0005 of a batch of 64 becomes 0.0001768 for one of 8' in run[1]
    rates = {group['initial_lr'] for group in saved['optimizer']['param_groups']}
    assert max(rates) == pytest.approx(5e-4 * (8 / 64) ** 0.5)


def test_validation_runs_on_the_users_classes(run):
    assert 'coco_panoptic/PQ' in run[1]
    assert all(name in run[1] for name in ('robot', 'lava'))
