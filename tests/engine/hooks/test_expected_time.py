"""A training as long as it is asked for: the clock of these tests moves a second an iteration."""

from types import SimpleNamespace

import pytest
import torch
from helpers import run_command
from mmengine.config import Config

from projects.kmax.engine.hooks import expected_time

SCHEDULE = {
    'train_cfg.type': 'ResumableTrainLoop',
    'default_hooks.checkpoint.type': 'AtomicCheckpointHook',
    'default_hooks.runtime_info': dict(type='DeferredLogHook'),
    'param_scheduler': dict(type='WarmupPolyLR', warmup=4, by_epoch=False),
}


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Let each look at the clock take a second, and few iterations be enough."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(
        expected_time, 'time', SimpleNamespace(monotonic=lambda: float(next(seconds)))
    )
    monkeypatch.setattr(expected_time, 'STARTED', 1)
    monkeypatch.setattr(expected_time, 'MEASURED', 3)


@pytest.fixture
def train(training_config, tmp_path):
    """Return a function that trains by the command in a folder, with words added to it."""

    def run(name, *words, max_iters=40, **changes):
        config = training_config(max_iters, **SCHEDULE, **changes)
        config.experiment_name = f'{tmp_path.name}_{name}'
        config.dump(str(tmp_path / f'{name}.py'))
        run_command(
            'train', 'train.py', tmp_path / f'{name}.py', '--work-dir', tmp_path / name, *words
        )
        return tmp_path / name

    return run


def log(folder):
    (path,) = folder.glob('*/*.log')
    return path.read_text()


def weights(folder):
    checkpoint = torch.load((folder / 'last_checkpoint').read_text(), weights_only=False)
    return checkpoint['meta']['iter'], checkpoint['state_dict']


def test_minutes_choose_the_iterations(train):
    # The hook is made at second 0 and has measured three iterations at 4; a validation takes 2.
    fitted = train('fitted', '--minutes', '0.25')
    done, state = weights(fitted)
    assert done == 12
    assert 'train_cfg.max_iters=12 train_cfg.val_interval=12' in log(fitted)
    assert '9 more iterations of 1 s each, and validations, will take about 11 s' in log(fitted)
    # It is the training with that number in its config, bit for bit.
    _, same = weights(train('same', max_iters=12))
    assert all(value.equal(same[name]) for name, value in state.items())
    # What it wrote beside its checkpoints repeats it, and asks for no minutes.
    config = Config.fromfile(str(fitted / 'fitted.py'))
    assert config.train_cfg.max_iters == 12
    assert config.default_hooks.expected_time == dict(type='ExpectedTimeHook')


def test_validations_are_part_of_the_minutes(train):
    # Every half of the training: 15 s - 4 s - 2 x 2 s.
    fitted = train('fitted', '--minutes', '0.25', **{'train_cfg.val_interval': 20})
    assert weights(fitted)[0] == 10
    assert log(fitted).count('Evaluation Results') == 2
    assert 'train_cfg.val_interval=5' in log(fitted)


def test_whole_steps_of_the_optimiser(train):
    # 13 iterations would fit.
    words = ['--minutes', '0.27', '--accumulate', '2']
    assert weights(train('fitted', *words, **{'param_scheduler.warmup': 3}))[0] == 12


def test_without_minutes_the_time_is_told(train):
    told = {'default_hooks.expected_time': dict(type='ExpectedTimeHook')}
    folder = train('run', max_iters=6, **told)
    assert '3 more iterations of 1 s each, and validations, will take about 5 s' in log(folder)
    assert weights(folder)[0] == 6


@pytest.mark.parametrize(
    'words, changes, message',
    [
        (['--minutes', '0.1'], {}, '--minutes 0.1 are too few: 3 iterations of 1 s fit, and the '),
        (['--minutes', '0'], {}, '--minutes must be a positive number, but is 0'),
        (['--minutes', 'nan'], {}, '--minutes must be a positive number, but is nan'),
        (
            ['--minutes', '1'],
            {'param_scheduler.warmup': 2},
            '--minutes needs param_scheduler to be WarmupPolyLR with a warmup of at least 3 ',
        ),
        (
            ['--minutes', '1'],
            {'train_cfg.dynamic_intervals': [(0, 2)]},
            '--minutes does not fit train_cfg.dynamic_intervals: remove them',
        ),
    ],
)
def test_refused(train, tmp_path, capsys, words, changes, message):
    with pytest.raises(SystemExit) as stop:
        train('run', *words, **changes)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('run/*.pth'))


def test_a_training_that_goes_on_is_refused(train, capsys):
    train('run', max_iters=2)
    with pytest.raises(SystemExit) as stop:
        train('run', '--minutes', '1', '--resume')
    assert stop.value.code == 2
    assert 'resume one without it, with --cfg-options train_cfg.max_iters=N' in (
        capsys.readouterr().err
    )
