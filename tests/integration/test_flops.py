"""mmdet's get_flops.py on this model."""

import runpy
from argparse import Namespace
from pathlib import Path

import mmdet
import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger

SCRIPT = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools/get_flops.py'


def test_mmdets_script_counts(folder, tmp_path):
    if not SCRIPT.exists():
        pytest.skip(f'{SCRIPT} is not installed')
    config = Config.fromfile(str(folder / 'config.py'))
    sampler = dict(type='DefaultSampler', shuffle=False)
    config.val_dataloader = dict(**config.test_dataloader, num_workers=0, sampler=sampler)
    config.dump(str(tmp_path / 'config.py'))
    args = Namespace(config=str(tmp_path / 'config.py'), num_images=1, cfg_options=None)
    inference = runpy.run_path(str(SCRIPT))['inference']
    result = inference(args, MMLogger.get_instance('flops'))
    assert tuple(result['ori_shape']) == (70, 90)
    assert tuple(result['pad_shape']) == (97, 97)
    parameters = sum(p.numel() for p in MODELS.build(config.model).parameters())
    assert result['params'] == f'{parameters / 1e6:.3f}M'
    assert float(result['flops'].removesuffix('M')) > 1
