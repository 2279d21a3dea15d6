"""The published semantic configs from training to pictures, on forged data in official layouts."""

import json

import cv2
import numpy as np
import pytest
from helpers import run_command
from imports import ROOT
from mmengine.config import Config
from mmseg.apis import MMSegInferencer

SIZE = (65, 97)
LAYOUTS = {
    'kmax_r50_8xb8-100k_ade20k-semantic-641x641': dict(
        image='images/{split}/{name}.jpg',
        labels='annotations/{split}/{name}.png',
        splits=('training', 'validation'),
        values=(1, 0),
    ),
    'kmax_r50_8xb4-60k_cityscapes-semantic': dict(
        image='leftImg8bit/{split}/x/{name}_leftImg8bit.png',
        labels='gtFine/{split}/x/{name}_gtFine_labelTrainIds.png',
        splits=('train', 'val'),
        values=(0, 255),
    ),
}
WINDOWS = ('mode=slide', 'crop_size=(65,65)', 'stride=(32,32)')
SLIDE = ['--cfg-options', *(f'model.test_cfg.{option}' for option in WINDOWS)]


def write_data(folder, image, labels, splits, values):
    """Write two images of coloured boxes per split and labels from a first value, and of void."""
    first_class, void = values
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    for split in splits:
        for name in ('a', 'b'):
            classes = np.zeros((64, 96), np.uint8)
            for label in range(1, 5):
                top, left = rng.integers(0, 44), rng.integers(0, 66)
                classes[top : top + 20, left : left + 30] = label
            marked = classes + first_class
            marked[:3] = void
            for pattern, array in ((image, colors[classes]), (labels, marked)):
                path = folder / pattern.format(split=split, name=name)
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), array)


def shrink(cfg, folder, head):
    """Make a config's network and images small, and leave its recipe."""
    channels = (16, *[8] * (len(cfg.model.decode_head.pixel_decoder.get('channels', 4 * [0])) - 1))
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = str(folder)
        for step in loader.dataset.pipeline:
            if 'crop_size' in step:
                step.crop_size = SIZE
    views = cfg.tta_pipeline[1].transforms[0]
    for step, size in zip(views, (SIZE, (49, 73), (81, 121)), strict=False):
        if 'crop_size' in step:
            step.crop_size = size
    cfg.model.data_preprocessor.update(size=SIZE, test_cfg=dict(size=SIZE))
    cfg.model.backbone.update(depth=18, stem_channels=8, base_channels=8, init_cfg=None)
    small = head | dict(
        pixel_decoder=dict(channels=channels, num_blocks=(1,) * len(channels), num_heads=2),
        semantic_decoder=dict(channels=8),
    )
    cfg.merge_from_dict(
        {
            'model.decode_head': small,
            'train_dataloader.batch_size': 2,
            'train_cfg': dict(max_iters=3, val_interval=3),
            'param_scheduler.warmup': 1,
            'default_hooks.logger.interval': 1,
            'default_hooks.checkpoint.interval': 1,
            'log_processor.window_size': 1,
        }
    )


@pytest.fixture(params=LAYOUTS, ids=lambda name: name.split('_')[2].partition('-')[0])
def config(request, tmp_path, tiny_head):
    """Return the path of a small config, with its data."""
    write_data(tmp_path / 'data', **LAYOUTS[request.param])
    cfg = Config.fromfile(ROOT / 'configs' / 'kmax' / f'{request.param}.py')
    shrink(cfg, tmp_path / 'data', tiny_head)
    path = tmp_path / 'config.py'
    cfg.dump(str(path))
    return path


def run_tool(name, config, *words):
    """Run a tool in this process and return the lines of figures that it logged, oldest first."""
    work_dir = config.parent / name
    # mmengine hands the visualizer of one run to the next of the same name.
    run = f'{config.parent.name}-{name}{len(list(work_dir.glob("*/*.log")))}'
    options = [*words, *([] if '--cfg-options' in words else ['--cfg-options'])]
    options += [f'experiment_name={run}', f'visualizer.name={run}']
    run_command(name, name, config, *options, '--work-dir', work_dir)
    newest = max(work_dir.glob('*/*.json'), key=lambda path: path.stat().st_mtime_ns, default=None)
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    lines = [json.loads(line) for path in logs for line in path.read_text().splitlines()]
    return lines, newest and json.loads(newest.read_text())


@pytest.mark.slow
def test_from_training_to_pictures(config):
    run_tool('train', config, '--cfg-options', 'train_cfg.max_iters=2')
    assert not (config.parent / 'train' / 'iter_3.pth').exists()
    lines, _ = run_tool('train', config, '--resume')
    losses = {line['step']: line['loss'] for line in lines if 'loss' in line}
    assert sorted(losses) == [1, 2, 3] and np.isfinite(list(losses.values())).all()
    trained = lines[-1]['mIoU']
    assert 0 <= trained <= 100
    checkpoint = config.parent / 'train' / 'iter_3.pth'
    assert run_tool('test', config, checkpoint)[1]['mIoU'] == pytest.approx(trained)
    for words in (['--tta'], SLIDE):
        assert 0 <= run_tool('test', config, checkpoint, *words)[1]['mIoU'] <= 100

    inferencer = MMSegInferencer(str(config), str(checkpoint), device='cpu')
    images = next(path.parent for path in (config.parent / 'data').rglob('a*.[jp][pn]g'))
    out = config.parent / 'out'
    inferencer(str(images), out_dir=str(out), opacity=1.0, with_labels=False)
    classes, palette = (inferencer.visualizer.dataset_meta[key] for key in ('classes', 'palette'))
    assert len(classes) == len(palette) == inferencer.model.decode_head.num_classes
    labels = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted((out / 'pred').iterdir())]
    assert [array.shape for array in labels] == [(64, 96)] * 2
    assert max(array.max() for array in labels) < len(classes)
    pictures = sorted((out / 'vis').iterdir())
    assert len(pictures) == 2
    if pictures[0].suffix == '.png':
        found = {tuple(color) for color in cv2.imread(str(pictures[0]))[..., ::-1].reshape(-1, 3)}
        assert found <= {tuple(color) for color in np.array(palette)}
