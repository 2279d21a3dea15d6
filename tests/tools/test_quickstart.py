import json
import os
import shutil
import subprocess

import pytest
from imports import ROOT

SHORT_RUN = (
    'train_cfg.max_iters=4',
    'train_cfg.val_interval=4',
    'param_scheduler.warmup=1',
    'default_hooks.logger.interval=1',
    'train_dataloader.batch_size=2',
)


@pytest.mark.slow
def test_quickstart_goes_all_the_way(tmp_path):
    for name in ('configs', 'kmax_deeplab', 'projects', 'tools'):
        shutil.copytree(ROOT / name, tmp_path / name)
    subprocess.run(
        ['bash', 'tools/quickstart.sh', '--cfg-options', *SHORT_RUN],
        cwd=tmp_path,
        env=os.environ | {'NUM_TRAIN': '16', 'NUM_VAL': '3', 'OMP_NUM_THREADS': '1'},
        check=True,
    )
    work_dir = tmp_path / 'work_dirs' / 'quickstart'
    results = json.loads((work_dir / 'results.json').read_text())
    for kind in ('all', 'things', 'stuff'):
        assert all(0 <= results[kind][quality] <= 100 for quality in ('PQ', 'SQ', 'RQ'))
    assert results['iterations'] == 4
    assert results['seed'] is not None
    assert set(results['seconds']) == {'data', 'train', 'test', 'pictures', 'curve'}
    assert len(list((work_dir / 'pictures').glob('*.png'))) == 3
    assert (work_dir / 'training_curve.png').exists()


def test_minutes_that_are_no_number_are_refused_before_anything_is_done(tmp_path):
    shutil.copytree(ROOT / 'tools', tmp_path / 'tools')
    done = subprocess.run(
        ['bash', 'tools/quickstart.sh', '--minutes', 'five'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == 'quickstart.sh: error: --minutes must be a number, but is five\n'
    assert [path.name for path in tmp_path.iterdir()] == ['tools']
