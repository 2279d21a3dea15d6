"""Which config and which weights a model is made of."""

from pathlib import Path

from kmax_deeplab.configs import find_config
from kmax_deeplab.released import find_model, is_published

from .store import fetch

DEMO = Path('work_dirs') / 'quickstart'
"""Where the quickstart leaves its model."""


def locate_model(
    model: str, weights: str | None = None, mirror: str | None = None
) -> tuple[str, str]:
    """Return the config and the weights of a model.

    Args:
        model: A config, by its path or name, or the name of a released model.
        weights: Its checkpoint; of a released model the released one by default, which is
            downloaded and converted when it is first asked for.
        mirror: Address of another server to download from.

    Raises:
        ValueError: If there is no such model, or a config comes without weights.
    """
    if weights is not None:
        return find_config(model), weights
    if is_published(model):
        return fetch(model, mirror)
    try:
        config = find_config(model)
    except ValueError:
        # Of a name that is neither: names of models are what is asked for.
        find_model(model)
        raise
    raise ValueError(f'config {config} comes without weights: give its checkpoint as weights')


def locate_demo(folder: Path = DEMO) -> tuple[str, str]:
    """Return the config and the weights that the quickstart leaves in its folder.

    Raises:
        FileNotFoundError: If it was not run here.
    """
    note = folder / 'last_checkpoint'
    configs = sorted(folder.glob('*.py'))
    weights = Path(note.read_text().strip()) if note.is_file() else None
    if not configs or weights is None or not weights.is_file():
        raise FileNotFoundError(
            f'there is no demo model in {folder}: make it by `bash tools/quickstart.sh`, or name a '
            'model by --model, of those that `kmax-deeplab models` lists'
        )
    return str(configs[0]), str(weights)
