"""Default hooks can be left out by the command line."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from projects.kmax.runtime.brief_runner import OF_MMENGINE, BriefRunner

CONFIG = Path(__file__).parents[1] / 'toy_training_config.py'


def hooks_of(tmp_path, **changes):
    config = Config.fromfile(CONFIG)
    config.work_dir, config.experiment_name = str(tmp_path), f'{tmp_path.name}_{len(changes)}'
    config.merge_from_dict({f'default_hooks.{name}': hook for name, hook in changes.items()})
    return {type(hook).__name__ for hook in BriefRunner.from_cfg(config).hooks}


@pytest.mark.parametrize(
    ('name', 'kind'),
    [('expected_time', 'ExpectedTimeHook'), ('logger', 'LoggerHook')],
)
def test_none_leaves_one_out(name, kind, tmp_path):
    every = hooks_of(tmp_path)
    assert kind in every
    assert hooks_of(tmp_path, **{name: None}) == every - {kind}


def test_those_of_mmengine_are_known(tmp_path):
    config = Config.fromfile(CONFIG)
    config.work_dir, config.experiment_name = str(tmp_path), tmp_path.name
    config.pop('default_hooks')
    config.pop('custom_hooks')
    assert len(Runner.from_cfg(config).hooks) == len(OF_MMENGINE)
