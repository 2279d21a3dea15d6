"""What kind of checkpoint a file is, told where another was expected."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import nn

from .conversion import Format
from .errors import ConversionError
from .tensorflow_checkpoint import INDEX, holds_index, without_ending
from .torch_checkpoint import open_torch

OPENMMLAB = 'of OpenMMLab, which needs no conversion: give it to load_from or init_cfg as it is'
OWN = 'of this project, which needs no conversion'


def looks_like(path: Path, formats: Mapping[str, Format], model: nn.Module) -> dict[str, str]:
    """Return what a checkpoint for a model may be in words, by the name of the format.

    OpenMMLab's own has an empty name.
    """
    if _is_tensorflow(path):
        return {'deeplab2': 'of format deeplab2'}
    try:
        with open_torch(path) as weights:
            names = list(weights)
    except ConversionError:
        return {}
    found = {
        name: f'of format {name}' for name, form in formats.items() if _knows(form, names, model)
    }
    if not found and any(name.startswith('backbone.') for name in names):
        own = any(name.startswith('panoptic_head.') for name in names)
        return {'': OWN if own else OPENMMLAB}
    return found


def _is_tensorflow(path: Path) -> bool:
    if path.is_dir():
        return any(path.rglob('*' + INDEX))
    prefix = without_ending(path)
    return prefix.with_name(prefix.name + INDEX).is_file() or (path.is_file() and holds_index(path))


def _knows(form: Format, names: Iterable[str], model: nn.Module) -> bool:
    plan = form.plan(list(names), model)
    return bool(plan.targets) and all(
        name in plan.targets or name in plan.left_out for name in names
    )
