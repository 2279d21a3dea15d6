import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from imports import ROOT

TOOLS = ROOT / 'tools'
RUNTIME = ROOT / 'configs' / 'kmax' / '_base_'

TOY_MODULE = """
import torch
from mmdet.registry import DATASETS, METRICS, MODELS
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))

    def forward(self, x, mode='tensor'):
        y = self.backbone(x)
        return dict(loss=(y**2).mean()) if mode == 'loss' else list(y)


@DATASETS.register_module()
class ToyDataset(torch.utils.data.Dataset):
    metainfo = dict(classes=('a', 'b'))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(x=torch.full((2,), float(index)))


@METRICS.register_module()
class ToyMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return dict(count=len(results), ranks=get_world_size())
"""

TOY_CONFIG = """
_base_ = [r'{runtime}/default_runtime.py', r'{runtime}/schedules/schedule_150k.py']
custom_imports = dict(imports=['projects.kmax', 'toy_module'])
model = dict(type='ToyModel')
loader = dict(
    batch_size=2, dataset=dict(type='ToyDataset'), collate_fn=dict(type='default_collate')
)
train_dataloader = dict(sampler=dict(type='InfiniteSampler'), **loader)
val_dataloader = dict(sampler=dict(type='DefaultSampler', shuffle=False), **loader)
test_dataloader = val_dataloader
val_evaluator = dict(type='ToyMetric')
test_evaluator = val_evaluator
train_cfg = dict(max_iters=2, val_interval=2)
param_scheduler = dict(warmup=1)
default_hooks = dict(
    checkpoint=dict(interval=2), visualization=dict(_delete_=True, type='EmptyCacheHook')
)
visualizer = dict(_delete_=True, type='mmengine.Visualizer')
"""


@pytest.fixture
def toy(tmp_path):
    """Return a config in a folder of its own."""
    (tmp_path / 'toy_module.py').write_text(TOY_MODULE)
    config = tmp_path / 'toy.py'
    config.write_text(TOY_CONFIG.format(runtime=RUNTIME))
    return config


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def start(command, folder, stdout=subprocess.PIPE, **env):
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, 'PATH': path, 'PYTHONPATH': str(folder), **env},
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(command, folder, nodes=1):
    """Run a command on nodes that share this machine and return what each prints."""
    env = dict(PORT=free_port())
    if nodes > 1:
        env.update(NNODES=str(nodes), MASTER_ADDR='127.0.0.1', OMP_NUM_THREADS='1')
    started = [start(command, folder, NODE_RANK=str(rank), **env) for rank in range(nodes)]
    try:
        outputs = [node.communicate(timeout=600)[0] for node in started]
    finally:
        for node in started:
            node.terminate()
    assert [node.returncode for node in started] == [0] * nodes, '\n'.join(outputs)
    return outputs


on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason='gloo is used where no GPU is')


@on_cpu
def test_two_cpu_processes_train_and_validate(toy):
    (printed,) = run(['bash', TOOLS / 'dist_train.sh', toy, 2], toy.parent)
    assert 'count: 8' in printed and 'ranks: 2' in printed
    assert (toy.parent / 'work_dirs' / 'toy' / 'iter_2.pth').exists()


@on_cpu
@pytest.mark.slow
def test_two_cpu_processes_test_and_one_resumes(toy):
    train = [sys.executable, TOOLS / 'train.py', toy]
    run(train, toy.parent)
    checkpoint = toy.parent / 'work_dirs' / 'toy' / 'iter_2.pth'

    (printed,) = run(['bash', TOOLS / 'dist_test.sh', toy, checkpoint, 2], toy.parent)
    assert 'count: 8' in printed and 'ranks: 2' in printed

    longer = ['--resume', '--cfg-options', 'train_cfg.max_iters=4']
    (printed,) = run([*train, *longer], toy.parent)
    assert 'resumed epoch: 0, iter: 2' in printed
    assert checkpoint.with_name('iter_4.pth').exists()


def children(pid):
    listed = Path(f'/proc/{pid}/task/{pid}/children')
    return [int(child) for child in listed.read_text().split()]


def is_running(pid):
    """Tell whether a process is there and no zombie."""
    command = Path(f'/proc/{pid}/cmdline')
    return command.exists() and command.read_text() != ''


@pytest.fixture
def endless(toy):
    """Start a training of two processes without end; return its launcher and its output file."""
    output = toy.parent / 'output.txt'
    options = ['train_cfg.max_iters=1000000', 'default_hooks.checkpoint.interval=1000000']
    options += ['default_hooks.logger.interval=2', 'train_dataloader.num_workers=1']
    command = ['bash', TOOLS / 'dist_train.sh', toy, 2, '--cfg-options', *options]
    command += ['val_cfg=None', 'val_dataloader=None', 'val_evaluator=None']
    with output.open('w') as file:
        launcher = start(command, toy.parent, file, PORT=free_port())
    end = time.monotonic() + 240
    while 'Iter(train)' not in output.read_text():
        assert launcher.poll() is None and time.monotonic() < end, output.read_text()
        time.sleep(0.1)
    yield launcher, output
    if launcher.poll() is None:
        launcher.terminate()
        launcher.wait(60)


@on_cpu
@pytest.mark.slow
@pytest.mark.skipif(not Path('/proc').exists(), reason='processes are found in /proc')
@pytest.mark.parametrize('victim', ['process', 'data worker'])
def test_kill_ends_the_whole_run_with_the_reason(victim, endless):
    launcher, output = endless
    processes = children(launcher.pid)
    workers = [worker for process in processes for worker in children(process)]
    assert len(processes) == len(workers) == 2
    killed = (processes if victim == 'process' else workers)[1]
    begin = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    assert launcher.wait(60) == 1
    reasons = dict(
        process=[f'Signal 9 (SIGKILL) received by PID {killed}'],
        # Which of them is told depends on whether the worker was just handing a tensor over.
        worker=['is killed by signal: Killed', 'ConnectionResetError', 'exited unexpectedly'],
    )[victim.split()[-1]]
    assert any(reason in output.read_text() for reason in reasons)
    while any(is_running(pid) for pid in (*processes, *workers)):
        assert time.monotonic() - begin < 60
        time.sleep(0.1)


@on_cpu
@pytest.mark.slow
def test_two_nodes_train_and_test(toy):
    main, other = run(['bash', TOOLS / 'dist_train.sh', toy, 1], toy.parent, nodes=2)
    assert 'count: 8' in main and 'ranks: 2' in main
    # The log is that of the first process of all.
    assert 'ranks: 2' not in other
    checkpoint = toy.parent / 'work_dirs' / 'toy' / 'iter_2.pth'
    main, _ = run(['bash', TOOLS / 'dist_test.sh', toy, checkpoint, 1], toy.parent, nodes=2)
    assert 'count: 8' in main and 'ranks: 2' in main


KILLER = """
import os
import signal
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class KillOnceHook(Hook):
    def before_train_iter(self, runner, *args, **kwargs):
        note = Path(runner.work_dir, 'killed')
        if runner.iter == 3 and runner.rank == 1 and not note.exists():
            note.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


@on_cpu
@pytest.mark.slow
def test_a_killed_process_is_started_again_and_goes_on(toy):
    (toy.parent / 'killer.py').write_text(KILLER)
    length = ['train_cfg.max_iters=6', 'default_hooks.checkpoint.interval=2', 'randomness.seed=3']
    command = ['bash', TOOLS / 'dist_train.sh', toy, 2, '--work-dir']
    run([*command, 'unbroken', '--cfg-options', *length], toy.parent)
    toy.write_text(
        toy.read_text().replace("'toy_module'", "'toy_module', 'killer'")
        + "custom_hooks = [dict(type='KillOnceHook')]\n"
    )
    restarts = ['--resume', '--max-restarts', 1, '--rdzv-conf=join_timeout=60']
    run([*command, 'broken', *restarts, '--cfg-options', *length], toy.parent)
    assert (toy.parent / 'broken' / 'killed').exists()
    unbroken, broken = (
        torch.load(toy.parent / name / 'iter_6.pth') for name in ('unbroken', 'broken')
    )
    for name in ('state_dict', 'optimizer'):
        torch.testing.assert_close(broken[name], unbroken[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    'words, message',
    [
        ([], 'usage: bash tools/dist_run.sh PROCESSES TOOL CONFIG'),
        ([1, 'train.py'], 'usage: bash tools/dist_run.sh PROCESSES TOOL CONFIG'),
        (
            [1, 'train.py', 'nothing.py', '--max-restarts=1', '--resume=auto'],
            'dist_run.sh: error: file nothing.py does not exist',
        ),
        (
            [1, 'train.py', 'kmax_nano_shapes-panoptic', '--max-restarts=1', '--resumed'],
            'dist_run.sh: error: --max-restarts needs --resume',
        ),
    ],
)
def test_wrong_use_of_the_launcher_is_said(words, message, tmp_path):
    done = start_wrongly('dist_run.sh', words, tmp_path)
    assert done.returncode == 2 and done.stderr.startswith(message)
    assert done.stderr.count('\n') == 1


def start_wrongly(tool, words, folder):
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    command = ['bash', str(TOOLS / tool), *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, 'PATH': path}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    'words, message',
    [
        (
            ['kmax_nano_shapes-panoptic', 'x'],
            'the number of processes must be at least 1, but is x',
        ),
        (
            ['kmax_nano_shapes-panoptic', '0'],
            'the number of processes must be at least 1, but is 0',
        ),
        (
            ['kmax_nano_shapes-panoptic', '2', '--max-restarts', '1'],
            '--max-restarts needs --resume, by which a training goes on',
        ),
        (['kmax_nano_shapes-panoptic', '2', '--rdzv-endpoint'], '--rdzv-endpoint needs a value'),
        (['nothing.py', '2'], 'file nothing.py does not exist, nor a config of that name in'),
    ],
)
def test_wrong_input_is_said_once(words, message, tmp_path):
    done = start_wrongly('dist_train.sh', words, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f'dist_run.sh: error: {message}')
    assert done.stderr.count('\n') == 1 and not any(tmp_path.iterdir())
