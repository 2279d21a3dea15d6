"""Trainings that cannot begin, go on or end as usual: resuming, two in one folder, signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch
from imports import ROOT
from kinds import Outcome, kind

from kmax_deeplab.locks import LOCK_NAME

TRAIN = ('train', 'config.py')
RESUME = (*TRAIN, '--resume')
LAST = 'work_dirs/iter_2.pth'
MORE = ('--cfg-options', 'train_cfg.max_iters=4', 'param_scheduler.end=4')


def trained(place):
    """Train for two iterations."""
    place.command(*TRAIN).works()


def resumed(place, change, message, words=()):
    """After a change of the checkpoint, training refuses to go on from it."""
    trained(place)
    place.edit_weights(change, LAST)
    place.command(*RESUME, *words).refused(message, leaves='work_dirs')
    place.command(*RESUME, LAST, *words).refused(message, leaves='work_dirs')


def remove(*names):
    def change(content):
        for name in names[:-1]:
            content = content[name]
        del content[names[-1]]

    return change


def edit(change):
    """Let a change of a checkpoint return nothing."""
    return lambda content: [change(content)] and None


FAULTS = [
    ('lacks the optimiser', remove('optimizer'), r'iter_2\.pth of iteration 2 lacks the state of'),
    ('lacks the schedule', remove('param_schedulers'), r'lacks the place in the schedule'),
    ('lacks the log', remove('message_hub'), r'lacks the log so far'),
    ('lacks its iteration', remove('meta', 'iter'), 'holds weights only, no iteration'),
    ('holds weights only', lambda c: dict(state_dict=c['state_dict']), 'holds weights only'),
    ('is a bare state dict', lambda c: c['state_dict'], 'holds weights only|no weights'),
    ('lacks its weights', remove('state_dict'), 'holds no weights|weights'),
    ('is a list', lambda c: [1, 2], 'holds no weights|no checkpoint'),
    ('has an optimiser without state', remove('optimizer', 'state'), 'lacks state or param_groups'),
    (
        'has moments of other shapes',
        edit(lambda c: c['optimizer']['state'][0].update(exp_avg=torch.zeros(3))),
        r'exp_avg of .* with shape \(3,\), not',
    ),
    (
        'lacks one moment',
        edit(lambda c: c['optimizer']['state'][0].pop('exp_avg_sq')),
        r'lacks .*exp_avg_sq',
    ),
    (
        'lacks all moments',
        edit(lambda c: c['optimizer']['state'].clear()),
        'is empty: it holds the moments of no parameter',
    ),
    (
        'is of another optimiser',
        edit(
            lambda c: [
                g.pop('betas') and g.update(momentum=0.9) for g in c['optimizer']['param_groups']
            ]
        ),
        'is of another optimiser',
    ),
    (
        'has weights of another shape',
        edit(lambda c: c['state_dict'].update({'backbone.conv1.weight': torch.zeros(4, 3, 7, 7)})),
        r'not one of the model in the config.*backbone\.conv1',
    ),
    (
        'has weights that are NaN',
        edit(lambda c: c['state_dict']['backbone.conv1.weight'].fill_(float('nan'))),
        'nan|NaN',
    ),
]

for name, change, message in FAULTS:
    words = MORE if 'NaN' in name else ()
    kind('training', f'the checkpoint to resume {name}')(
        partial(resumed, change=change, message=message, words=words)
    )


@kind('training', 'the checkpoint to resume lacks the moments of one weight')
def one_moment(place):
    trained(place)
    place.edit_weights(edit(lambda c: c['optimizer']['state'].pop(0)), LAST)
    place.command(*RESUME, *MORE).works(r'lacks 1 of \d+ parameters, which start with moments of 0')


@kind('training', 'the training to resume is finished')
def finished(place):
    trained(place)
    place.command(*RESUME).works('the training is finished, nothing is left to train')


@kind('training', 'the training to resume has more iterations than the config now has')
def beyond(place):
    trained(place)
    words = ('--cfg-options', 'train_cfg.max_iters=1')
    place.command(*RESUME, *words).works(r'iter 2, and train_cfg\.max_iters is 1')


@kind('training', 'the training to resume had another learning rate')
def other_rate(place):
    trained(place)
    words = (*MORE, 'optim_wrapper.optimizer.lr=0.5')
    place.command(*RESUME, *words).works(r'learning rate \(lr\) of the config is 0\.5')


@kind('training', 'the training to resume is of a model with other queries')
def other_model(place):
    trained(place)
    words = ('--cfg-options', 'model.panoptic_head.transformer_decoder.num_queries=9')
    message = r'not one of the model in the config.*cluster_centers'
    place.command(*RESUME, *words).refused(message, leaves='work_dirs')


@kind('training', 'the checkpoint to resume is of the format before torch 1.6')
def old_format(place):
    trained(place)
    content = torch.load(place.path(LAST), weights_only=False)
    torch.save(content, place.path(LAST), _use_new_zipfile_serialization=False)
    place.command(*RESUME, *MORE).works(r'Iter\(train\) \[4/4\]')


def damaged(place, change, message, name):
    trained(place)
    change(place.path(LAST))
    place.command(*RESUME).refused(message, leaves='work_dirs')
    place.command(*RESUME, LAST).refused(rf'checkpoint {LAST} is damaged', leaves='work_dirs')


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


for name, change in (
    ('has one wrong bit', flip),
    ('is cut short', lambda path: os.truncate(path, path.stat().st_size // 2)),
    ('is empty', lambda path: path.write_bytes(b'')),
    ('is an HTML page', lambda path: path.write_text('<html>404</html>')),
):
    message = 'no checkpoint in work_dirs is whole, all are damaged'
    kind('training', f'the only checkpoint {name}')(
        partial(damaged, change=change, message=message, name=name)
    )


@kind('training', 'the newest checkpoint is damaged, an older one is not')
def newest_damaged(place):
    words = (
        '--cfg-options',
        'default_hooks.checkpoint.interval=1',
        'default_hooks.checkpoint.max_keep_ckpts=3',
    )
    place.command(*TRAIN, *words).works()
    flip(place.path(LAST))
    place.command(*RESUME, *words).works(r'iter_2\.pth is damaged .* and is skipped')


@kind('training', 'last_checkpoint names what is not there')
def pointer_lost(place):
    trained(place)
    place.path('work_dirs/last_checkpoint').write_text('/nowhere/iter_9.pth')
    place.command(*RESUME, *MORE).works(r'Iter\(train\) \[4/4\]')


@kind('training', 'last_checkpoint is binary')
def pointer_binary(place):
    trained(place)
    place.path('work_dirs/last_checkpoint').write_bytes(b'\xff\xfe\x00')
    place.command(*RESUME, *MORE).works(r'Iter\(train\) \[4/4\]')


@kind('training', 'a folder has the name of a checkpoint')
def folder_checkpoint(place):
    trained(place)
    place.path('work_dirs/iter_9.pth').mkdir()
    place.command(*RESUME, *MORE).works(r'Iter\(train\) \[4/4\]')


@kind('training', 'there is nothing to resume')
def nothing(place):
    place.path('work_dirs').mkdir()
    place.command(*RESUME).works('no checkpoint to resume from in work_dirs')
    place.command(*RESUME, 'gone.pth').refused(r'checkpoint gone\.pth does not exist')
    place.command(*RESUME, 'data').refused(r'--resume: checkpoint data')


@kind('training', 'load_from is a folder, or a config')
def load_from_folder(place):
    for name in ('data', 'config.py'):
        words = ('--cfg-options', f'load_from={name}')
        place.command(*TRAIN, *words).refused(rf'checkpoint {name}')


@kind('training', 'the weights to start from are of another model')
def foreign_weights(place):
    torch.save(dict(state_dict={'head.weight': torch.zeros(2)}), place.path('other.pth'))
    message = r'other\.pth is not one of the model'
    place.command(*TRAIN, '--cfg-options', 'load_from=other.pth').refused(message)
    place.command('test', 'config.py', 'other.pth').refused(message)


@kind('training', 'mixed precision without a GPU')
def amp(place):
    place.command(*TRAIN, '--amp').refused('--amp needs a GPU')


@kind('training', 'a distributed launcher without its environment')
def no_environment(place):
    env = dict.fromkeys(('RANK', 'WORLD_SIZE', 'LOCAL_RANK'), '')
    for launcher in ('pytorch', 'slurm', 'mpi'):
        place.command(*TRAIN, '--launcher', launcher, env=env, before=forget).refused(
            rf'--launcher {launcher}'
        )
    place.command(
        'test', 'config.py', 'weights.pth', '--launcher', 'pytorch', before=forget
    ).refused('--launcher pytorch')


def forget():
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        os.environ.pop(name, None)


@kind('training', 'the port of a distributed run is taken')
def port_taken(place):
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = str(server.getsockname()[1])
        env = dict(
            RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT=port
        )
        place.command(*TRAIN, '--launcher', 'pytorch', env=env).refused(rf'{port}')


@kind('training', 'the rank is no number')
def rank_text(place):
    env = dict(
        RANK='x', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT='29511'
    )
    place.command(*TRAIN, '--launcher', 'pytorch', env=env).refused('RANK')


@kind('training', 'options exclude one another')
def excluded(place):
    place.command(*TRAIN, '--new-classes', '--resume').refused('--new-classes starts a training')
    place.command(*TRAIN, '--accumulate', '0').refused('--accumulate must be at least 1')
    place.command(*TRAIN, '--accumulate', 'two').refused('--accumulate')


@kind('training', 'new classes, but no weights to take the old from')
def new_without(place):
    place.command(*TRAIN, '--new-classes').refused('--new-classes needs the weights')


@kind('training', 'accumulation of a schedule that cannot be stretched')
def unstretchable(place):
    place.edit_config(
        "param_scheduler = dict(_delete_=True, type='ExponentialLR', gamma=0.9, by_epoch=False)"
    )
    place.command(*TRAIN, '--accumulate', '2').refused('cannot stretch ExponentialLR')


@kind('training', 'the rate is to be scaled, but for no batch size')
def unscalable(place):
    place.edit_config('auto_scale_lr = dict(_delete_=True, enable=False)')
    place.command(*TRAIN, '--auto-scale-lr').refused(r'lacks auto_scale_lr\.base_batch_size')


def holder(place, folder='work_dirs'):
    """Start another process that holds a folder, and return it when it does."""
    code = (
        'import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path; '
        'from kmax_deeplab.locks import hold_folder; hold_folder(Path(sys.argv[2])); '
        'print(flush=True); time.sleep(60)'
    )
    words = [sys.executable, '-c', code, str(ROOT), str(place.path(folder))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@kind('training', 'another training writes to the work folder')
def two_trainings(place):
    process = holder(place)
    message = rf'work_dirs is in use by process {process.pid} on .* \(.*hold_folder|-c'
    try:
        place.command(*TRAIN).refused(message, leaves=LOCK_NAME)
        place.command(*RESUME).refused(message, leaves=LOCK_NAME)
    finally:
        process.kill()
        process.wait()
    # Its file is still there.
    place.command(*TRAIN).works()


@kind('training', 'the lock of the work folder is of another host')
def other_host(place):
    place.path('work_dirs').mkdir()
    owner = dict(pid=1, host='elsewhere', command='train.py')
    place.path(f'work_dirs/{LOCK_NAME}').write_text(json.dumps(owner))
    place.command(*TRAIN).works()


@kind('training', 'the work folder holds what a killed training left half-written')
def partials(place):
    place.path('work_dirs').mkdir()
    # No process has so high a number.
    place.path('work_dirs/iter_1.pth.4194305.1.partial').write_bytes(b'x')
    place.path('work_dirs/mine.partial').write_bytes(b'x')
    left = place.command(*TRAIN, '--work-dir', 'work_dirs')
    if place.path('work_dirs/iter_1.pth.4194305.1.partial').exists():
        raise Outcome('left', left.text[-300:])
    assert place.path('work_dirs/mine.partial').exists()


LONG = ('--cfg-options', 'train_cfg.max_iters=500', 'default_hooks.logger.interval=1')


def await_text(place, pattern, seconds=50):
    """Wait until a command has printed what matches."""
    out, end = place.folder.with_name('out.txt'), time.monotonic() + seconds
    while time.monotonic() < end:
        if out.exists() and re.search(pattern, out.read_text()):
            return
        time.sleep(0.05)
    raise Outcome('hang', f'nothing like {pattern} was printed')


def send(place, *numbers):
    """Return what sends signals to a command, once it trains."""

    def meanwhile(process):
        await_text(place, r'Iter\(train\) \[ *2/')
        for number in numbers:
            os.kill(process.pid, number)
            time.sleep(0.01)

    return meanwhile


for name, status in (('SIGTERM', 143), ('SIGINT', 130), ('SIGUSR1', 138)):

    @kind('training', f'a training gets {name}')
    def run(place, name=name, status=status):
        number = getattr(signal, name)
        stopped = place.command(*TRAIN, *LONG, meanwhile=send(place, number))
        stopped.ends(
            status, rf'{name}: stopped after iteration \d+ of 500, saved .*work_dirs.*--resume'
        )
        place.command(*RESUME, *LONG, meanwhile=send_late(place, signal.SIGTERM)).ends(
            143, 'Resumed|resume'
        )


def send_late(place, number):
    def meanwhile(process):
        await_text(place, r'Iter\(train\) \[')
        os.kill(process.pid, number)

    return meanwhile


@kind('training', 'a training gets a second signal')
def second_signal(place):
    stopped = place.command(*TRAIN, *LONG, meanwhile=send(place, signal.SIGTERM, signal.SIGTERM))
    assert stopped.status in (-signal.SIGTERM, 143), stopped


@kind('training', 'a training gets SIGTERM while it validates')
def during_validation(place):
    def meanwhile(process):
        await_text(place, r'Iter\(val\) \[ *1/')
        os.kill(process.pid, signal.SIGTERM)

    words = ('--cfg-options', 'train_cfg.max_iters=4')
    place.command(*TRAIN, *words, meanwhile=meanwhile).ends(
        143, r'stopped after iteration [23] of 4'
    )


@kind('training', 'a data worker is killed')
def killed_worker(place):
    def meanwhile(process):
        await_text(place, r'Iter\(train\) \[ *2/')
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)

    words = (*LONG, 'train_dataloader.num_workers=1')
    result = place.command(*TRAIN, *words, meanwhile=meanwhile)
    result.ends(2, r'error: DataLoader worker \(pid.*\d+\).* (killed|exited)')


def children(pid):
    return [int(word) for word in open(f'/proc/{pid}/task/{pid}/children').read().split()]


@kind('training', 'the work folder is removed while a training runs')
def removed_folder(place):
    def meanwhile(process):
        await_text(place, r'Iter\(train\) \[ *2/')
        subprocess.run(['rm', '-rf', str(place.path('work_dirs'))], check=True)
        os.kill(process.pid, signal.SIGTERM)

    place.command(*TRAIN, *LONG, meanwhile=meanwhile).ends(143, 'saved .*work_dirs')


@kind('training', 'the memory is not enough')
def no_memory(place):
    words = (
        '--cfg-options',
        'model.panoptic_head.transformer_decoder.feedforward_channels=4000000000',
    )
    place.command(*TRAIN, *words).refused('out of memory|memory')


@kind('training', 'the loss becomes NaN')
def nan_loss(place):
    words = (
        '--cfg-options',
        'optim_wrapper.optimizer.lr=1e30',
        'train_cfg.max_iters=5',
        'param_scheduler.end=5',
        'train_cfg.val_interval=9',
    )
    place.command(*TRAIN, *words).ends(
        2, r'error: iteration \d: (.* is (nan|inf)|\d+ weights are NaN)'
    )


def script(place, *words, env=None):
    """Run a script of tools/ and return its status and its stderr."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    run = subprocess.run(
        ['bash', str(ROOT / 'tools' / words[0]), *words[1:]],
        cwd=place.folder,
        timeout=120,
        env={**os.environ, 'PATH': path, **(env or {})},
        capture_output=True,
        text=True,
    )
    if 'Traceback (most recent call last)' in run.stderr + run.stdout:
        raise Outcome('traceback', run.stderr[-2000:])
    return run.returncode, run.stderr


for name, words, message in (
    ('no process', ('config.py', '0'), 'the number of processes must be at least 1, but is 0'),
    ('processes in words', ('config.py', 'two'), 'at least 1, but is two'),
    ('no number of processes', ('config.py',), 'usage: bash tools/dist_train.sh CONFIG PROCESSES'),
    ('no such config', ('gone.py', '2'), r'gone.py does not exist'),
):

    @kind('training', f'dist_train.sh is given {name}')
    def dist(place, words=words, message=message):
        status, err = script(place, 'dist_train.sh', *words)
        assert status == 2 and message in err and len(err.splitlines()) == 1, (status, err)


@kind('training', 'all of two processes meet a wrong setting')
def dist_setting(place):
    words = ('config.py', '2', '--cfg-options', 'train_cfg.max_iters=-3')
    status, err = script(place, 'dist_train.sh', *words, env=dict(PORT='29577'))
    lines = [line for line in err.splitlines() if 'error: ' in line]
    assert status and len(lines) == 1 and 'train_cfg.max_iters is -3' in lines[0], (status, err)
    assert not place.path('work_dirs').exists()
