"""mmdet's get_flops.py on this model, and the size of the published one."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import runpy
from argparse import Namespace
from pathlib import Path

import mmdet
import pytest
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

SCRIPT = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools/get_flops.py'
R50 = Path(__file__).resolve().parents[2] / 'configs/kmax/_base_/models/kmax_r50.py'


def test_mmdets_script_counts(folder, tmp_path):
    if not SCRIPT.exists():
        pytest.skip(f'{SCRIPT} is not installed')
    config = Config.fromfile(str(folder / 'config.py'))
    config.val_dataloader = dict(
        **config.test_dataloader,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    config.dump(str(tmp_path / 'config.py'))
    args = Namespace(config=str(tmp_path / 'config.py'), num_images=1, cfg_options=None)
    inference = runpy.run_path(str(SCRIPT))['inference']
    result = inference(args, MMLogger.get_instance('flops'))
    assert tuple(result['ori_shape']) == (70, 90)
    assert tuple(result['pad_shape']) == (97, 97)
    parameters = sum(p.numel() for p in MODELS.build(config.model).parameters())
    assert result['params'] == f'{parameters / 1e6:.3f}M'
    assert float(result['flops'].removesuffix('M')) > 1


def test_parameters_are_those_of_the_paper():
    """57 M for R50 on COCO (Table 1), which leaves the auxiliary semantic decoder out."""
    init_default_scope('mmdet')
    config = Config.fromfile(R50).model
    config.panoptic_head.semantic_decoder = None
    parameters = sum(p.numel() for p in MODELS.build(config).parameters())
    assert parameters == pytest.approx(57e6, rel=0.01)
