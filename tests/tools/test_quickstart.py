import json
import os
import shlex
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
@pytest.mark.parametrize('place', ['work_dirs/quickstart', 'a place/of mine'])
def test_quickstart_goes_all_the_way(place, tmp_path):
    for name in ('configs', 'kmax_deeplab', 'projects', 'tools'):
        shutil.copytree(ROOT / name, tmp_path / name)
    settings = {'NUM_TRAIN': '16', 'NUM_VAL': '3', 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        ['bash', 'tools/quickstart.sh', '--cfg-options', *SHORT_RUN],
        cwd=tmp_path,
        env=os.environ | settings | {'WORK_DIR': place},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    work_dir = tmp_path / place
    results = json.loads((work_dir / 'results.json').read_text())
    for kind in ('all', 'things', 'stuff'):
        assert all(0 <= results[kind][quality] <= 100 for quality in ('PQ', 'SQ', 'RQ'))
    assert results['iterations'] == 4
    assert results['seed'] is not None
    assert set(results['seconds']) == {'data', 'train', 'test', 'pictures', 'curve'}
    assert len(list((work_dir / 'pictures').glob('*.png'))) == 3
    assert (work_dir / 'training_curve.png').exists()

    # The last line is a command that runs as it stands, in the folder that the line above names.
    *_, where, command = done.stdout.splitlines()
    assert where.endswith(f'in {tmp_path}:')
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    assert (tmp_path / 'out' / 'overlay' / '000001.jpg').exists()
    assert len(json.loads((tmp_path / 'out' / 'panoptic.json').read_text())['annotations']) == 1


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
