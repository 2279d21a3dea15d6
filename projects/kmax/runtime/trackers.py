"""Services and files that follow a training's figures, besides the log."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config


def add_trackers(cfg: Config, kinds: Sequence[str]) -> None:
    """Have the visualizer of a config write figures for trackers too.

    Each takes its settings from the variables that it documents, as ``WANDB_PROJECT`` or
    ``MLFLOW_TRACKING_URI``. Without the latter MLflow gets a data base in the work folder: it
    refuses the files that mmengine would have it write.

    Args:
        cfg: The config, with its work folder.
        kinds: Names of mmengine's backends; those that the config has already are left as they are.
    """
    visualizer = cfg.get('visualizer') or dict(type='Visualizer')
    backends = list(visualizer.get('vis_backends') or [])
    present = {backend['type'] for backend in backends}
    backends += [_backend(kind, cfg) for kind in kinds if kind not in present]
    cfg.visualizer = dict(visualizer, vis_backends=backends)


def _backend(kind: str, cfg: Config) -> dict[str, Any]:
    backend: dict[str, Any] = dict(type=kind)
    folder = Path(cfg.work_dir).absolute()
    if kind == 'WandbVisBackend':
        backend['init_kwargs'] = dict(name=folder.name)
    if kind == 'MLflowVisBackend':
        server = os.environ.get('MLFLOW_TRACKING_URI')
        backend |= dict(exp_name=folder.name, tracking_uri=server)
        if not server:
            backend['tracking_uri'] = f'sqlite:///{folder / "mlflow.db"}'
            backend['artifact_location'] = str(folder / 'mlflow')
    return backend
