"""``import mmpretrain.models`` needs torchvision and breaks with transformers 5.

Modules on its way import torchvision for metrics and transforms that this project does not use
(``mmpretrain/evaluation/metrics/visual_grounding_eval.py``, ``mmpretrain/datasets/transforms/``),
and the torchvision wheel of PyPI does not import beside a torch without CUDA. With transformers
installed, ``mmpretrain/models/multimodal/blip2/Qformer.py`` imports a name that transformers 5
removed.

Upstream: https://github.com/open-mmlab/mmpretrain (the files above).
Delete when mmpretrain imports without torchvision and beside transformers 5.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

from ..import_hooks import around_import

STAND_INS = (
    'torchvision',
    'torchvision.ops',
    'torchvision.ops.boxes',
    'torchvision.transforms',
    'torchvision.transforms.functional',
    'torchvision.transforms.transforms',
)


class MissingTorchvision(ModuleType):
    """Stand-in for a torchvision module; what mmpretrain asks of it later raises."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f'{self.__name__}.{name} was asked for, but torchvision is not installed or does not '
            'work with the installed torch'
        )


def forget_torchvision() -> None:
    """Remove torchvision and its modules from those already imported."""
    for name in [name for name in sys.modules if name.partition('.')[0] == 'torchvision']:
        del sys.modules[name]


def torchvision_works() -> bool:
    """Tell whether torchvision imports; a build for another torch raises RuntimeError."""
    try:
        importlib.import_module('torchvision')
    except (ImportError, RuntimeError, OSError):
        forget_torchvision()
        return False
    return True


@contextmanager
def stand_in_torchvision() -> Iterator[None]:
    """Hold empty torchvision modules in ``sys.modules`` for the duration of an import."""
    for name in STAND_INS:
        module = MissingTorchvision(name)
        module.__path__ = []
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        sys.modules[name] = module
        parent, _, child = name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, module)
    modes = {mode.upper(): mode for mode in ('nearest', 'bilinear', 'bicubic')}
    transforms: Any = sys.modules['torchvision.transforms.transforms']
    transforms.InterpolationMode = SimpleNamespace(**modes)
    try:
        yield
    finally:
        forget_torchvision()


@contextmanager
def fit_to_import() -> Iterator[None]:
    """Let ``mmpretrain.models`` be imported, without multimodal ones if transformers breaks them.

    Its backbones can be used afterwards.
    """
    with nullcontext() if torchvision_works() else stand_in_torchvision():
        dependency: Any = importlib.import_module('mmpretrain.utils.dependency')
        if dependency.satisfy_requirement('transformers>=5.0.0'):
            dependency.WITH_MULTIMODAL = False
        yield


def apply() -> None:
    """Import ``mmpretrain.models`` so, whoever imports it."""
    around_import('mmpretrain.models', fit_to_import)
