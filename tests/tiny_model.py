"""A tiny model and a data set of three images, for the tests of several folders."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers import run_command
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

CATEGORIES = [
    dict(id=1, name='sky', isthing=0, color=[70, 130, 180]),
    dict(id=2, name='box', isthing=1, color=[220, 20, 60]),
    dict(id=3, name='ball', isthing=1, color=[0, 0, 142]),
]
CLASSES = ('box', 'ball', 'sky')
LOAD, LABELS, PACK = (
    dict(type=name) for name in ('LoadImageFromFile', 'LoadPanopticIds', 'PackKMaXInputs')
)
LIMITS = (
    *('pixel_confidence_threshold', 'class_threshold_thing', 'class_threshold_stuff'),
    *('overlap_threshold', 'thing_area_limit', 'stuff_area_limit'),
)
DETECT_EVERYTHING = dict(semantic_on=True, instance_on=True, **dict.fromkeys(LIMITS, 0))


def write_dataset(folder):
    """Write images of a box in the sky, in COCO panoptic format."""
    for name in ('images', 'panoptic'):
        (folder / name).mkdir()
    images, annotations = [], []
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        image = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
        ids = np.zeros((70, 90, 3), np.uint8)
        ids[10:, :, 2] = 1
        ids[30:50, 20:60, 2] = 2
        cv2.imwrite(str(folder / 'images' / f'{number}.png'), image)
        cv2.imwrite(str(folder / 'panoptic' / f'{number}.png'), ids)
        images.append(dict(id=number, file_name=f'{number}.png', height=70, width=90))
        areas = np.bincount(ids[..., 2].ravel()).tolist()
        segments = [dict(id=i, category_id=i, iscrowd=0, area=areas[i]) for i in (1, 2)]
        annotations.append(dict(image_id=number, file_name=f'{number}.png', segments_info=segments))
    content = dict(images=images, annotations=annotations, categories=CATEGORIES)
    (folder / 'panoptic.json').write_text(json.dumps(content))


@pytest.fixture(scope='session')
def tiny_head():
    """Parts of a head for a backbone of 8 channels."""
    return dict(
        in_channels=[8, 8, 16, 32, 64],
        pixel_decoder=dict(
            type='KMaXPixelDecoder', channels=(16, 8, 8, 8), num_blocks=(1, 1, 1, 1), num_heads=2
        ),
        transformer_decoder=dict(
            type='KMaXTransformerDecoder',
            num_queries=8,
            num_layers=(1, 1, 1),
            embed_dims=16,
            feedforward_channels=32,
            num_heads=2,
            mask_channels=8,
        ),
        semantic_decoder=dict(type='KMaXSemanticDecoder', channels=8, low_level_channels=(4, 4)),
        criterion=dict(type='KMaXCriterion', loss_insdis=dict(num_samples=64)),
    )


def make_config(folder, head):
    norm_cfg = dict(type='BN', eps=1e-3, momentum=0.01)
    model = dict(
        type='KMaXDeepLab',
        data_preprocessor=dict(type='KMaXDataPreprocessor'),
        backbone=dict(
            type='KMaXResNet', depth=18, stem_channels=8, base_channels=8, norm_cfg=norm_cfg
        ),
        panoptic_head=dict(
            type='KMaXHead', num_things_classes=2, num_stuff_classes=1, norm_cfg=norm_cfg, **head
        ),
        panoptic_fusion_head=dict(type='KMaXFusionHead'),
        test_cfg=dict(panoptic_on=True, semantic_on=False, instance_on=False),
    )
    dataset = dict(
        type='KMaXPanopticDataset',
        ann_file=str(folder / 'panoptic.json'),
        data_prefix=dict(img=str(folder / 'images'), seg=str(folder / 'panoptic')),
        pipeline=[LOAD, PACK],
        test_mode=True,
    )
    visualizer = dict(type='KMaXVisualizer', name='visualizer')
    loader = dict(dataset=dataset)
    return Config(
        dict(default_scope='mmdet', model=model, test_dataloader=loader, visualizer=visualizer)
    )


@pytest.fixture(scope='session')
def folder(tmp_path_factory, tiny_head):
    """Folder with images/, panoptic/, panoptic.json, weights.pth and two configs.

    ``weights.pth`` names no classes; ``config.py`` finds nothing, ``everything.py`` something.
    """
    from mmdet.registry import MODELS

    folder = tmp_path_factory.mktemp('tiny')
    write_dataset(folder)
    config = make_config(folder, tiny_head)
    config.dump(str(folder / 'config.py'))
    init_default_scope('mmdet')
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    model.init_weights()
    torch.save(model.state_dict(), folder / 'weights.pth')
    config.merge_from_dict({'model.test_cfg': DETECT_EVERYTHING})
    config.dump(str(folder / 'everything.py'))
    return folder


@pytest.fixture(scope='session')
def named_weights(folder):
    """The tiny model's weights with the names of its classes."""
    path = folder / 'named.pth'
    meta = dict(dataset_meta=dict(classes=CLASSES, palette=[(9, 9, 9), (0, 9, 9), (9, 0, 9)]))
    state = torch.load(folder / 'weights.pth')
    torch.save(dict(state_dict=state, meta=meta), path)
    return path


@pytest.fixture(scope='session')
def images(tmp_path_factory):
    """Five images, one of them damaged, one in a folder of its own, of different sizes."""
    folder = tmp_path_factory.mktemp('images') / 'unlabeled'
    (folder / 'more').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, height in (('11.jpg', 70), ('12.png', 75), ('13.jpg', 80), ('more/14.jpg', 85)):
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (height, 90, 3), np.uint8))
    (folder / '15.jpg').write_bytes(b'no image')
    return folder


@pytest.fixture
def training_config(folder, tmp_path):
    """Return a function from a number of iterations, and changes, to a config that trains."""

    def make(max_iters=2, **changes):
        config = Config.fromfile(str(folder / 'everything.py'))
        dataset = config.test_dataloader.dataset
        trained = dict(dataset, pipeline=[LOAD, LABELS, PACK], test_mode=False)
        loader = dict(batch_size=2, num_workers=0)
        endless, once = (
            dict(type=f'{name}Sampler', shuffle=False) for name in ('Infinite', 'Default')
        )
        truth = dict(ann_file=dataset.ann_file, seg_prefix=dataset.data_prefix.seg)
        schedule = dict(max_iters=max_iters, val_interval=max_iters)
        adamw = dict(type='KMaXAdamW', lr=1e-3, weight_decay=0.05)
        optimizer = dict(constructor='KMaXOptimWrapperConstructor', optimizer=adamw)
        hooks = dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=max_iters),
        )
        config.merge_from_dict(
            dict(
                work_dir=str(tmp_path),
                train_dataloader=dict(loader, sampler=endless, dataset=trained),
                val_dataloader=dict(loader, sampler=once, dataset=dataset),
                val_evaluator=dict(type='KMaXPanopticMetric', **truth),
                train_cfg=dict(type='IterBasedTrainLoop', **schedule),
                val_cfg=dict(type='ValLoop'),
                optim_wrapper=dict(type='OptimWrapper', **optimizer),
                default_hooks=hooks,
                log_processor=dict(type='LogProcessor', window_size=1, by_epoch=False),
                randomness=dict(seed=0),
            )
        )
        for name in ('test_dataloader', 'test_cfg', 'test_evaluator'):
            config.pop(name, None)
        config.merge_from_dict(changes)
        config.visualizer.name = config.experiment_name = tmp_path.name
        return config

    return make


@pytest.fixture
def command_on_model(folder, named_weights, capsys):
    """Return a function that runs a command with the tiny model's ``--model`` and ``--weights``.

    It returns the command's status, and what it prints to stderr and stdout.
    """

    def run(command, *words, weights=named_weights):
        model = ['--model', folder / 'everything.py', '--weights', weights, '--device', 'cpu']
        try:
            status = run_command(command, f'{command}.py', *words, *model)
        except SystemExit as stopped:
            status = stopped.code
        printed = capsys.readouterr()
        return status, printed.err, printed.out

    return run


@pytest.fixture
def training(training_config):
    """Return a function that trains for some iterations, with changes to the config."""

    def train(max_iters=2, **changes):
        runner = Runner.from_cfg(training_config(max_iters, **changes))
        runner.train()
        return runner

    return train
