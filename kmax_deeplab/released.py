"""The published models by name, and where their weights are kept on this machine."""

import os
import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from .configs import config_folder


@dataclass(frozen=True)
class ReleasedModel:
    """A published model, as ``metafile.yml`` describes it.

    Attributes:
        name: Its whole name, which is that of its config.
        alias: Its short name, such as ``kmax_r50_coco``.
        config: File name of its config.
        data_set: What it was trained on.
        figures: What its authors published, in percent, by the name of the metric.
        parameters: How many it has, without the auxiliary head.
        macs: Multiply-adds for one image of the config's test size.
        licence: That of the code base which it comes from.
        code_url: That code base.
        weights_url: The archive with its weights, where a program can download it.
        page_url: Where a person can download them, if no program can.
    """

    name: str
    alias: str
    config: str
    data_set: str
    figures: dict[str, float]
    parameters: int
    macs: int
    licence: str
    code_url: str
    weights_url: str | None
    page_url: str | None

    @property
    def archive(self) -> str | None:
        """File name of the archive with its weights."""
        return None if self.weights_url is None else self.weights_url.rpartition('/')[2]


def list_models() -> list[ReleasedModel]:
    """Return all published models, the original's before those of its PyTorch port."""
    return list(_read_models(config_folder().parent / 'projects' / 'kmax' / 'metafile.yml'))


def find_model(name: str) -> ReleasedModel:
    """Return the model of a short or whole name.

    Raises:
        ValueError: If there is none; tells near matches.
    """
    models = list_models()
    by_name = {model.name: model for model in models} | {model.alias: model for model in models}
    if name in by_name:
        return by_name[name]
    near = get_close_matches(name.lower(), by_name, cutoff=0.5)
    hint = f'did you mean {" or ".join(near)}?' if near else 'kmax-deeplab models lists them'
    raise ValueError(f'no published model is called {name or "(empty)"}; {hint}')


def is_published(name: str) -> bool:
    """Tell whether a published model has that short or whole name."""
    return any(name in (model.name, model.alias) for model in list_models())


def checkpoint_folder() -> Path:
    """Return where torch keeps checkpoints that are downloaded."""
    # What a program has set there counts; but torch is not imported to ask it.
    torch: Any = sys.modules.get('torch')
    if torch is not None:
        return Path(torch.hub.get_dir(), 'checkpoints')
    cache = os.getenv('XDG_CACHE_HOME', '~/.cache')
    home = os.getenv('TORCH_HOME', os.path.join(cache, 'torch'))
    return Path(os.path.expanduser(home), 'hub', 'checkpoints')


def find_weights(model: ReleasedModel) -> Path | None:
    """Return the converted weights of a model on this machine, the latest of several."""
    pattern = re.compile(re.escape(model.alias) + r'(-[0-9a-f]{8})?\.pth')
    paths = checkpoint_folder().glob(f'{model.alias}*.pth')
    found = [path for path in paths if pattern.fullmatch(path.name) and path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


@lru_cache(maxsize=1)
def _read_models(metafile: Path) -> tuple[ReleasedModel, ...]:
    # Configs are found without it.
    import yaml

    rows = yaml.load(metafile.read_text('utf-8'), getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    return tuple(map(_read_row, rows['Models']))


def _read_row(row: dict[str, Any]) -> ReleasedModel:
    metadata, source = row['Metadata'], row['Converted From']
    results = row.get('Results', [])
    return ReleasedModel(
        name=row['Name'],
        alias=row['Alias'],
        config=row['Config'].rpartition('/')[2],
        data_set=metadata['Training Data'],
        figures={name: x for result in results for name, x in result['Metrics'].items()},
        parameters=metadata['Parameters'],
        macs=metadata['FLOPs'],
        licence=source['License'],
        code_url=source['Code'],
        weights_url=source.get('Weights'),
        page_url=source.get('Download'),
    )
