"""What small machines need of the training command: each line of docs/small_machines.md runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from forked import start_two
from helpers import free_port, run_command
from imports import ROOT
from mmengine.hooks import EMAHook

from projects.kmax.models.detector import KMaXDeepLab
from projects.kmax.models.layers import checkpointing

WEIGHT = 'panoptic_head.predictor.class_head.weight'
FROZEN = ['model.backbone.frozen_stages=2', 'model.backbone.norm_eval=True']
EMA = ['default_hooks.ema.type=EMAHook', 'default_hooks.ema.momentum=0.25']
LOOP = {
    'train_cfg.type': 'ResumableTrainLoop',
    'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
    'default_hooks.runtime_info': dict(type='DeferredLogHook'),
    'custom_hooks': [dict(type='CheckFiniteHook'), dict(type='GradientNormHook')],
}


@pytest.fixture
def train(training_config, tmp_path):
    """Return a function that trains by the command; further words are given to it."""

    def run(*words, max_iters=2, **changes):
        config = training_config(max_iters, **LOOP, **changes)
        config.merge_from_dict({'experiment_name': f'{tmp_path.name}_{len(runs)}'})
        runs.append(config)
        path = tmp_path / 'config.py'
        config.dump(str(path))
        return run_command('train', 'train.py', path, '--work-dir', tmp_path / 'run', *words)

    runs = []
    return run


def saved(tmp_path, iteration=2):
    return torch.load(tmp_path / 'run' / f'iter_{iteration}.pth', weights_only=False)


def test_frozen_stages_and_norms(train, folder, tmp_path):
    train('--cfg-options', f'load_from={folder / "weights.pth"}', *FROZEN)
    check_frozen(torch.load(folder / 'weights.pth'), saved(tmp_path)['state_dict'])


def check_frozen(before, after):
    same = {name for name, value in before.items() if value.equal(after[name])}
    frozen = ('backbone.conv1', 'backbone.bn1', 'backbone.layer1', 'backbone.layer2')
    assert all(name in same for name in before if name.startswith(frozen))
    assert all(name in same for name in before if 'running' in name and 'backbone' in name)
    assert WEIGHT not in same and 'backbone.layer4.1.conv2.weight' not in same


@pytest.fixture
def both(training_config, folder, tmp_path):
    """Config of a training and a test: stages are frozen, and weights averaged."""
    options = dict(option.split('=') for option in EMA)
    config = training_config(2, **LOOP, **options, **{'default_hooks.checkpoint.interval': 1})
    config.train_dataloader.batch_size = 1
    config.model.backbone.update(frozen_stages=2, norm_eval=True)
    config.default_hooks.ema.momentum = 0.25
    config.update(load_from=str(folder / 'weights.pth'), test_cfg=dict(type='TestLoop'))
    config.update(test_dataloader=config.val_dataloader, test_evaluator=config.val_evaluator)
    config.dump(str(tmp_path / 'config.py'))
    return tmp_path / 'config.py'


def by_two_forks(config):
    for training in start_two(config.parent / 'run', config=config):
        assert training.wait() == 0, training.output


def by_launcher(config):
    command = ['bash', ROOT / 'tools/dist_train.sh', config, 2, '--work-dir', 'run']
    env = dict(PYTHON=sys.executable, PORT=str(free_port()), OMP_NUM_THREADS='1')
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = subprocess.run(
        [str(word) for word in command],
        cwd=config.parent,
        env={**os.environ, **env, 'PATH': path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason='gloo is used where no GPU is')
@pytest.mark.parametrize('run', [by_two_forks, pytest.param(by_launcher, marks=pytest.mark.slow)])
def test_two_processes_freeze_and_average(both, folder, tmp_path, monkeypatch, run):
    run(both)
    first, second = (saved(tmp_path, iteration) for iteration in (1, 2))
    check_frozen(torch.load(folder / 'weights.pth'), second['state_dict'])
    check_frozen(
        torch.load(folder / 'weights.pth'),
        {name.removeprefix('module.'): x for name, x in second['ema_state_dict'].items()},
    )
    latest = [each['ema_state_dict'][f'module.{WEIGHT}'] for each in (first, second)]
    average = second['state_dict'][WEIGHT]
    assert not latest[0].equal(latest[1])
    torch.testing.assert_close(average, 0.75 * latest[0] + 0.25 * latest[1])
    assert weight_in_test(both, tmp_path / 'run' / 'iter_2.pth', monkeypatch).equal(average)


def test_average_of_weights_starts_from_bare_weights_too(both, folder, tmp_path, monkeypatch):
    """Of a file without any key but the names of weights; ``module.`` is what wrappers add."""
    weights = torch.load(folder / 'weights.pth')
    path = tmp_path / 'wrapped.pth'
    torch.save({f'module.{name}': value for name, value in weights.items()}, path)
    assert weight_in_test(both, path, monkeypatch).equal(weights[WEIGHT])


def weight_in_test(config, checkpoint, monkeypatch):
    """Return the weight of the model that ``tools/test.py`` predicts with."""
    found = []
    predict = KMaXDeepLab.predict

    def note(model, *args, **kwargs):
        found.append(model.get_parameter(WEIGHT).detach().clone())
        return predict(model, *args, **kwargs)

    monkeypatch.setattr(KMaXDeepLab, 'predict', note)
    run_command('test', 'test.py', config, checkpoint, '--work-dir', config.parent / 'tested')
    assert found and all(weight.equal(found[0]) for weight in found)
    return found[0]


def test_average_of_weights(train, tmp_path, monkeypatch):
    tested = []
    swap = EMAHook._swap_ema_parameters

    def note(hook):
        swap(hook)
        tested.append(hook.src_model.get_parameter(WEIGHT).detach().clone())

    monkeypatch.setattr(EMAHook, '_swap_ema_parameters', note)
    train('--cfg-options', *EMA)
    checkpoint = saved(tmp_path)
    average = checkpoint['state_dict'][WEIGHT]
    # Validated is the average, and training goes on with the weights themselves.
    assert tested[0].equal(average)
    assert tested[1].equal(checkpoint['ema_state_dict'][f'module.{WEIGHT}'])
    assert not tested[0].equal(tested[1])


def test_early_stopping(train, tmp_path):
    options = ['monitor=coco_panoptic/PQ', 'rule=greater', 'min_delta=1', 'patience=1']
    words = [f'default_hooks.stop.{option}' for option in ('type=EarlyStoppingHook', *options)]
    best = ['save_best=coco_panoptic/PQ', 'rule=greater']
    words += [f'default_hooks.checkpoint.{option}' for option in best]
    train('--cfg-options', *words, 'train_cfg.val_interval=1', max_iters=6)
    note = json.loads((tmp_path / 'run' / 'last_validated').read_text())
    assert note['iteration'] == 2 and 'coco_panoptic/PQ' in note['metrics']
    # What is left of a training that stops between two checkpoints.
    assert len([*(tmp_path / 'run').glob('best_coco_panoptic_PQ_iter_*.pth')]) == 1


def test_accumulation(train, tmp_path):
    train('--accumulate', '2', max_iters=1)
    assert saved(tmp_path)['meta']['iter'] == 2


def test_less_memory_and_another_batch_size(train, tmp_path, monkeypatch):
    recomputed = set()
    checkpoint = checkpointing.checkpoint

    def note(part, *args, **kwargs):
        recomputed.add(type(getattr(part, '__self__', part)).__name__)
        return checkpoint(part, *args, **kwargs)

    monkeypatch.setattr(checkpointing, 'checkpoint', note)
    parts = ('backbone', 'panoptic_head.pixel_decoder', 'panoptic_head.transformer_decoder')
    words = [f'model.{part}.with_cp=True' for part in parts]
    train('--auto-scale-lr', '--cfg-options', *words, 'auto_scale_lr.base_batch_size=8')
    assert recomputed >= {'PreActBasicBlock', 'AxialBlock', 'KMaXDecoderLayer'}
    rates = {group['lr'] for group in saved(tmp_path)['optimizer']['param_groups']}
    # Of two images, where 1e-3 is for eight.
    assert max(rates) == pytest.approx(5e-4)


def test_tensorboard(train, tmp_path):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    train('--track', 'tensorboard', max_iters=1)
    (path,) = tmp_path.glob('run/*/vis_data/events.out.tfevents.*')
    found = events.EventAccumulator(str(path)).Reload()
    assert [event.step for event in found.Scalars('loss')] == [1]
    assert len(found.Scalars('coco_panoptic/PQ')) == 1


def test_wandb_offline(train, tmp_path, monkeypatch):
    pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    train('--track', 'wandb', max_iters=1)
    (path,) = tmp_path.glob('run/*/vis_data/wandb/offline-run-*/run-*.wandb')
    assert b'coco_panoptic/PQ' in path.read_bytes()


def test_mlflow_without_a_server(train, tmp_path, monkeypatch):
    mlflow = pytest.importorskip('mlflow')
    pytest.importorskip('sqlalchemy')
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    monkeypatch.chdir(tmp_path)
    train('--track', 'mlflow', max_iters=1)
    client = mlflow.MlflowClient(f'sqlite:///{tmp_path / "run" / "mlflow.db"}')
    experiment = client.get_experiment_by_name('run')
    (run,) = client.search_runs([experiment.experiment_id])
    assert {'loss', 'coco_panoptic/PQ'} <= run.data.metrics.keys()
    assert {path.name for path in tmp_path.iterdir()} == {'config.py', 'run'}


def test_a_tracker_that_is_not_installed_is_named(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('projects.kmax.runtime.installed.find_spec', lambda name: None)
    error = refusal(train, capsys, '--track', 'wandb')
    assert error.endswith('WandbVisBackend needs what is not installed: pip install wandb')
    assert not (tmp_path / 'run').exists()


@pytest.fixture
def published(folder, tmp_path, monkeypatch):
    """Have the tiny model on this machine as a published one, of some other classes."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    path = tmp_path / 'torch' / 'hub' / 'checkpoints' / 'kmax_r50_coco.pth'
    path.parent.mkdir(parents=True)
    classes = ('ball', 'cup', 'Sky')
    weights = torch.load(folder / 'weights.pth')
    torch.save(dict(state_dict=weights, meta=dict(dataset_meta=dict(classes=classes))), path)
    return path


@pytest.mark.parametrize('by_name', [True, False])
def test_fine_tuning_from_a_model(train, published, tmp_path, by_name):
    source = 'kmax_r50_coco' if by_name else published
    words = ['--from', source, '--cfg-options', 'optim_wrapper.optimizer.lr=0']
    pretrained = dict(type='Pretrained', checkpoint='https://nowhere.invalid/backbone.pth')
    train(*words, max_iters=1, **{'model.backbone.init_cfg': pretrained})
    (log,) = tmp_path.glob('run/*/*.log')
    text = '2 of 3 classes continue from the 3 of the checkpoint; these start anew: box'
    assert text in log.read_text()
    old = torch.load(published)['state_dict'][WEIGHT]
    new = saved(tmp_path, 1)['state_dict'][WEIGHT]
    # Box, ball, sky and void of ball, cup, sky and void.
    assert new[1:].equal(old[[0, 2, 3]]) and not any(new[0].equal(row) for row in old)


def test_config_names_a_published_model(train, published, tmp_path):
    rate = ['load_from=kmax_r50_coco', 'optim_wrapper.optimizer.lr=0']
    train('--new-classes', '--cfg-options', *rate, max_iters=1)
    old = torch.load(published)['state_dict'][WEIGHT]
    new = saved(tmp_path, 1)['state_dict'][WEIGHT]
    assert new[1:].equal(old[[0, 2, 3]]) and not any(new[0].equal(row) for row in old)


def test_file_of_another_model_is_refused(train, tmp_path, capsys):
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.zeros(3, 3)}), path)
    error = refusal(train, capsys, '--from', path)
    assert f'checkpoint {path} is not one of the model in the config' in error
    assert not (tmp_path / 'run').exists()


def test_fine_tuning_resumes_where_it_was(train, published, tmp_path):
    words = ['--from', 'kmax_r50_coco', '--resume']
    train(*words, max_iters=1)
    published.unlink()
    train(*words, max_iters=2)
    first, second = (saved(tmp_path, iteration) for iteration in (1, 2))
    assert second['meta']['iter'] == 2
    assert not first['state_dict'][WEIGHT].equal(second['state_dict'][WEIGHT])


def refusal(train, capsys, *words):
    """Return the one line of a training that must be refused."""
    with pytest.raises(SystemExit) as end:
        train(*words)
    assert end.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if 'error: ' in line]
    return line


@pytest.mark.parametrize(
    'words, message',
    [
        (
            ['--from', 'kmax_r50_cocoa'],
            'file kmax_r50_cocoa does not exist, and no published model',
        ),
        (['--from', ''], 'file (empty) does not exist'),
        (
            ['--from', 'kmax_r50_coco', '--cfg-options', 'load_from=a.pth'],
            '--from and --cfg-options load_from both name weights: give one',
        ),
        (
            ['--from', 'kmax_r50_coco', '--resume', 'a.pth'],
            '--from starts a training and excludes --resume a.pth',
        ),
        (['--mirror', 'http://127.0.0.1:1'], '--mirror is for the weights of a published model'),
        (
            ['--cfg-options', 'load_from=checkpoints/mine.pth'],
            'load_from: file checkpoints/mine.pth does not exist, and no published model is called',
        ),
        (['--new-classes'], '--new-classes needs the weights to continue from: --from NAME or'),
        (['--track', 'paper'], "invalid choice: 'paper'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(
    train, tmp_path, capsys, words, message
):
    assert message in refusal(train, capsys, *words)
    assert not (tmp_path / 'run').exists()
