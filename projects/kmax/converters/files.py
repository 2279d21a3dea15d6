"""A checkpoint's file of another code base, converted for the model of a config."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..engine.model_cost import build_on_meta
from ..models import KMaXDeepLab
from . import FORMATS
from .checkpoint import dataset_meta, save_checkpoint
from .conversion import SHOWN, Conversion, fill, fit
from .errors import ConversionError
from .recipe import other_settings
from .recognition import looks_like

RECIPES = dict(deeplab2='the original', port='the PyTorch port')


def convert_file(
    form: str,
    src: Path,
    dst: Path,
    config: Config,
    called: str,
    track: Callable[[list[Any]], Iterable[Any]],
    say: Callable[[str], None],
    warn: Callable[[str], None],
    shown: int | None = SHOWN,
) -> Conversion:
    """Convert a checkpoint, and write it with its config and the names of its classes.

    Args:
        form: One of ``FORMATS``.
        src: What to read.
        dst: File to write.
        config: Config of the same model.
        called: What messages call the config.
        track: Shows the progress of a list of tasks.
        say: Is told each step, in a line.
        warn: Is told where the config's network computes other figures than the checkpoint's.
        shown: How many tensors an error names at most; None for all.

    Raises:
        ConversionError: If the checkpoint does not fit; where it has another format, says which.
        UnwritableError: If its conversion cannot be written.
    """
    init_default_scope(config.get('default_scope', 'mmdet'))
    model = build_on_meta(config.model)
    if not isinstance(model, KMaXDeepLab):
        raise ConversionError(f'{called} is the config of {type(model).__name__}, not KMaXDeepLab')
    meta: dict[str, Any] = {}
    say(f'reading     {src}')
    try:
        with FORMATS[form].open(src) as weights:
            say(f'converting  {len(weights)} tensors for {called}')
            fitted = fit(FORMATS[form], weights, model, shown)
            if not fitted.not_filled:
                _check_recipe(form, config, called, warn)
                meta['dataset_meta'] = dataset_meta(config, model)
            result = fill(fitted, track)
    except ConversionError as error:
        found = looks_like(src, FORMATS, model)
        if not found or form in found:
            raise
        raise ConversionError(
            f'{src} looks like a checkpoint {" or ".join(found.values())}; as {form}: {error}'
        ) from error
    meta['cfg'] = config.pretty_text
    save_checkpoint(dst, result.state, meta)
    return result


def _check_recipe(form: str, config: Config, called: str, warn: Callable[[str], None]) -> None:
    """Warn where weights of one code base come into the network of the other; shapes are equal."""
    if form not in RECIPES:
        return
    differing = other_settings(config.model, form == 'port')
    if differing:
        warn(
            f'{called} differs from the network of {RECIPES[form]}, in which these weights were '
            f'trained, in model.{", model.".join(differing)}: they give the published figures with '
            "that one's configs only"
        )
