"""Training, testing and mmseg's inferencer on semantic data sets."""

import json

import cv2
import numpy as np
import pytest
from helpers import run_command
from imports import ROOT
from mmengine.config import Config

CONFIG = ROOT / 'configs' / 'kmax' / 'kmax_r18_camvid-semantic.py'
SIZE = (65, 81)


@pytest.fixture
def tool(tmp_path):
    """Return a function that runs a tool in this process."""
    return lambda name, *words: run_command(name, name, *words, '--work-dir', tmp_path / 'work')


def write_config(path, data_root, max_iters=12, images=2):
    """Write a config that overfits to a few images of a data set laid out as CamVid."""
    cfg = Config.fromfile(CONFIG)
    cfg.test_pipeline[1].crop_size = cfg.tta_pipeline[1].transforms[0][0].crop_size = SIZE
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False, batch_size=1)
        loader.dataset.update(data_root=str(data_root), indices=images)
        # The images that are trained on, without augmentation.
        loader.dataset.data_prefix = cfg.train_dataloader.dataset.data_prefix
        loader.dataset.pipeline = cfg.test_pipeline
    load, resize, annotations, pack = cfg.test_pipeline
    cfg.train_dataloader.dataset.pipeline = [load, annotations, resize, pack]
    cfg.train_dataloader.batch_size = images
    cfg.merge_from_dict(
        {
            'model.backbone.base_channels': 16,
            'model.data_preprocessor': dict(size=SIZE, test_cfg=dict(size=SIZE)),
            'model.decode_head.in_channels': [32, 16, 32, 64, 128],
            'train_cfg': dict(max_iters=max_iters, val_interval=max_iters),
            'param_scheduler': dict(warmup=2),
            'default_hooks.logger.interval': 1,
            'default_hooks.checkpoint.interval': max_iters,
            'log_processor.window_size': 1,
            'experiment_name': path.parent.name,
        }
    )
    cfg.visualizer.name = path.parent.name
    cfg.dump(str(path))


def log(folder):
    """Return the lines of the only training's, or test's, log of figures."""
    (path,) = folder.glob('work/*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def stripes(tmp_path):
    """Write two images of coloured stripes and their classes."""
    for name in ('train', 'semantic_train'):
        (tmp_path / name).mkdir()
    colors = np.random.default_rng(0).integers(0, 256, (11, 3), dtype=np.uint8)
    for number in range(2):
        classes = np.repeat(np.roll(np.arange(4), number), 32)[:, None].repeat(160, 1)
        cv2.imwrite(str(tmp_path / 'train' / f'{number}.jpg'), colors[classes])
        classes[:5] = 255
        cv2.imwrite(str(tmp_path / 'semantic_train' / f'{number}.png'), classes)
    return tmp_path


def test_tools_and_inferencer(stripes, tool, tmp_path):
    from mmseg.apis import MMSegInferencer, inference_model

    config = tmp_path / 'config.py'
    write_config(config, stripes)
    tool('train', config)
    lines = log(tmp_path)
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == 12 and np.mean(losses[-2:]) < 0.95 * np.mean(losses[:2])
    trained = lines[-1]['mIoU']
    assert trained > 0
    checkpoint = tmp_path / 'work' / 'iter_12.pth'
    figures = []
    # Moved away: two runs within a second write to one file.
    for name, words in (('plain', []), ('averaged', ['--tta'])):
        tool('test', config, checkpoint, *words)
        (path,) = tmp_path.glob('work/*/*.json')
        figures.append(path.rename(tmp_path / f'{name}.json'))
    plain, averaged = (json.loads(path.read_text())['mIoU'] for path in figures)
    assert plain == pytest.approx(trained) and averaged > 0
    inferencer = MMSegInferencer(str(config), str(checkpoint), device='cpu')
    image = str(stripes / 'train' / '0.jpg')
    result = inferencer(image, return_vis=True)
    expected = inference_model(inferencer.model, image).pred_sem_seg.data[0].numpy()
    assert result['predictions'].shape == (128, 160)
    assert np.array_equal(result['predictions'], expected)
    assert result['visualization'].shape == (128, 160, 3)


@pytest.mark.slow
def test_camvid(real_data, tool, tmp_path):
    config = tmp_path / 'config.py'
    write_config(config, real_data('camvid_panoptic'), max_iters=60)
    tool('train', config)
    lines = log(tmp_path)
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    assert lines[-1]['mIoU'] > 10


def test_mixed_precision(stripes, tool, tmp_path, monkeypatch):
    """As ``--amp`` trains on a GPU, but in the half precision that CPUs have."""
    for place in (
        'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available',
        'projects.kmax.commands.train._has_gpu',
    ):
        monkeypatch.setattr(place, lambda: True)
    config = tmp_path / 'config.py'
    write_config(config, stripes, max_iters=1)
    half = [f'optim_wrapper.{word}' for word in ('type=AmpOptimWrapper', 'dtype=bfloat16')]
    tool('train', config, '--amp', '--cfg-options', *half)
    losses = [line['loss'] for line in log(tmp_path) if 'loss' in line]
    assert len(losses) == 1 and np.isfinite(losses).all()
    cfg = Config.fromfile(tmp_path / 'work' / 'config.py')
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
