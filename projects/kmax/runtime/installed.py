"""What a config asks of packages and of data workers, before a run begins."""

from importlib.util import find_spec

from mmengine.config import Config

TRACKERS = {
    'AimVisBackend': ('aim',),
    'ClearMLVisBackend': ('clearml',),
    'DVCLiveVisBackend': ('dvclive', 'pygit2'),
    'MLflowVisBackend': ('mlflow',),
    'NeptuneVisBackend': ('neptune',),
    'TensorboardVisBackend': ('tensorboard',),
    'WandbVisBackend': ('wandb',),
}
"""The packages that mmengine's backends import, which have the same names on PyPI."""
# Settings of a data loader that torch refuses without workers.
OF_WORKERS = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context', 'timeout')


def check_tracking(cfg: Config) -> None:
    """Raise a ValueError if a backend of the visualizer needs a package that is not installed."""
    visualizer = cfg.get('visualizer') or {}
    for backend in visualizer.get('vis_backends') or []:
        kind = str(backend.get('type')).rpartition('.')[-1]
        missing = [name for name in TRACKERS.get(kind, ()) if find_spec(name) is None]
        if missing:
            raise ValueError(
                f'visualizer.vis_backends: {kind} needs what is not installed: '
                f'pip install {" ".join(missing)}'
            )


def use_no_workers(cfg: Config) -> None:
    """Let ``num_workers=0`` alone say that a data loader has no workers."""
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if not isinstance(loader, dict):
            continue
        if loader.get('num_workers') == 0:
            for name in OF_WORKERS:
                loader.pop(name, None)
