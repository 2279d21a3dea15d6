"""``tools/test.py --tta``."""

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

from projects.kmax.commands import test as tool
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
