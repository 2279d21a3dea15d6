"""``tools/test.py`` with ``--tta`` and ``--fuse``."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import json
import sys

import cv2
import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import TestLoop
from torch.nn.modules.batchnorm import _BatchNorm

from projects.kmax.commands import test as tool
from projects.kmax.engine.hooks.fuse import fold_within
from projects.kmax.panoptic_format import write_panoptic_png


@pytest.fixture
def main(monkeypatch, tmp_path):
    """Return a function that runs tools/test.py in this process."""

    def run(*words):
        arguments = [*words, '--work-dir', tmp_path / 'work']
        monkeypatch.setattr(sys, 'argv', ['test.py', *map(str, arguments)])
        tool.main()

    return run


@pytest.fixture
def config(tmp_path):
    """Write a data set of one image, a config of it and a checkpoint."""
    cfg = Config.fromfile(ROOT / 'configs' / 'kmax' / 'kmax_nano_shapes-panoptic.py')
    (tmp_path / 'val').mkdir()
    cv2.imwrite(str(tmp_path / 'val' / '1.png'), np.full((97, 129, 3), 90, np.uint8))
    write_panoptic_png(tmp_path / 'panoptic_val' / '1.png', np.ones((97, 129), int))
    head = cfg.model.panoptic_head
    things = head.num_things_classes
    categories = [
        dict(id=i, name=f'class{i}', isthing=int(i <= things), color=[i, 0, 0])
        for i in range(1, things + head.num_stuff_classes + 1)
    ]
    segment = dict(id=1, category_id=len(categories), iscrowd=0, area=97 * 129)
    content = dict(
        images=[dict(id=1, file_name='1.png', height=97, width=129)],
        annotations=[dict(image_id=1, file_name='1.png', segments_info=[segment])],
        categories=categories,
    )
    (tmp_path / 'panoptic_val.json').write_text(json.dumps(content))
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.data_root = f'{tmp_path}/'
    for metric in (*cfg.val_evaluator, *cfg.test_evaluator):
        if 'ann_file' in metric:
            metric.ann_file = str(tmp_path / 'panoptic_val.json')
            metric.seg_prefix = str(tmp_path / 'panoptic_val')
    init_default_scope('mmdet')
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'weights.pth')
    return cfg


def test_views_are_merged_and_measured(main, config, tmp_path, monkeypatch):
    from projects.kmax.models import tta

    merged, merge = [], tta.merge_views
    monkeypatch.setattr(tta, 'merge_views', lambda views: merged.append(len(views)) or merge(views))
    config.dump(str(tmp_path / 'config.py'))
    main(tmp_path / 'config.py', tmp_path / 'weights.pth', '--tta')
    assert merged == [2]
    (figures,) = (tmp_path / 'work').glob('*/*.json')
    assert {'coco_panoptic/PQ', 'mIoU'} <= set(json.loads(figures.read_text()))


def test_missing_pipeline_is_named(main, config, tmp_path):
    config.pop('tta_pipeline')
    config.dump(str(tmp_path / 'config.py'))
    with pytest.raises(KeyError, match='--tta: .*config.py lacks tta_pipeline'):
        main(tmp_path / 'config.py', tmp_path / 'weights.pth', '--tta')
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('more', [[], ['--tta']])
def test_fused_models_measure_the_same(main, config, tmp_path, monkeypatch, more):
    config.dump(str(tmp_path / 'config.py'))
    figures = []
    for words in (more, [*more, '--fuse']):
        tested = []
        monkeypatch.setattr(TestLoop, 'run_iter', spy(TestLoop.run_iter, tested))
        main(tmp_path / 'config.py', tmp_path / 'weights.pth', *words)
        latest = max((tmp_path / 'work').glob('*/*.json'), key=lambda path: path.stat().st_mtime_ns)
        figures.append(json.loads(latest.read_text()))
        assert any(isinstance(m, _BatchNorm) for m in tested[0].modules()) != ('--fuse' in words)
    assert figures[0]['mIoU'] == figures[1]['mIoU']
    assert figures[0]['coco_panoptic/PQ'] == figures[1]['coco_panoptic/PQ']


def spy(run_iter, models):
    def run(loop, *args):
        models.append(loop.runner.model)
        return run_iter(loop, *args)

    return run


def test_only_kmax_can_be_fused():
    with pytest.raises(ValueError, match='--fuse needs KMaXDeepLab .* config is Linear'):
        fold_within(torch.nn.Linear(1, 1))
