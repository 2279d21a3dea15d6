"""The toy training in a folder of its own, in this process."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from projects.kmax.commands.shapes import draw_split

HERE = Path(__file__).parent


@pytest.fixture
def toy(tmp_path):
    """Return a function from changes of the toy's config, or of another, to a runner on it."""

    def make(folder='run', config='toy_training_config.py', **changes):
        cfg = Config.fromfile(HERE / config)
        cfg.work_dir = str(tmp_path / folder)
        cfg.experiment_name = f'{tmp_path.name}_{len(runners)}'
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
        runners.append(Runner.from_cfg(cfg))
        return runners[-1]

    runners = []
    yield make
    # A garbage collection would wait for each data worker.
    for runner in runners:
        loader = getattr(runner._train_loop, 'dataloader', None)
        if getattr(loader, '_iterator', None) is not None and loader.num_workers:
            loader._iterator._shutdown_workers()


@pytest.fixture
def weights_of():
    """Return a function from a checkpoint to its weights."""
    return lambda path: torch.load(path, map_location='cpu')['state_dict']


@pytest.fixture(scope='session')
def shapes_options(tmp_path_factory):
    """Options that ``shapes_training_config.py`` needs: where its six images were drawn."""
    folder = tmp_path_factory.mktemp('shapes')
    draw_split(folder, 'train', dict(seed=0, size=[96, 64], train=6), workers=1)
    return {'train_dataloader__dataset__data_root': str(folder)}
