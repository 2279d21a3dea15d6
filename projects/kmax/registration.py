"""Tells the registries of OpenMMLab where our classes are; they import them when first asked.

A registry imports its ``locations`` before it looks for a name. Those of other packages are fixed
where these make their registries; ours are added as soon as they are made.
"""

import importlib
from functools import partial
from typing import Any

from .import_hooks import after_import

PACKAGE = __name__.rpartition('.')[0]
ENGINE = dict.fromkeys(
    ('HOOKS', 'OPTIMIZERS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'PARAM_SCHEDULERS'), ['engine']
)
"""Named with mmdet and mmseg, too, which look into mmengine's registries without its locations."""

LOCATIONS = {
    'mmengine.registry': {
        'DATASETS': ['runtime'],
        'DATA_SAMPLERS': ['runtime'],
        'HOOKS': ['runtime', 'engine'],
        'LOG_PROCESSORS': ['runtime'],
        'LOOPS': ['runtime'],
        'OPTIMIZERS': ['engine'],
        'OPTIM_WRAPPER_CONSTRUCTORS': ['engine'],
        'PARAM_SCHEDULERS': ['engine'],
        'WEIGHT_INITIALIZERS': ['models'],
    },
    'mmdet.registry': {
        'DATASETS': ['datasets'],
        'METRICS': ['evaluation'],
        'MODELS': ['models'],
        'TASK_UTILS': ['models'],
        'TRANSFORMS': ['datasets'],
        'VISUALIZERS': ['visualization'],
        **ENGINE,
    },
    # The segmentor needs the models of mmseg, which load slowly, and nothing of mmdet asks for it.
    'mmseg.registry': {'MODELS': ['models', 'models.encoder_decoder'], **ENGINE},
}
"""Of each module with registries, the packages of ours that register in each of them."""


RUNTIME = f'{PACKAGE}.runtime'


def add_locations() -> None:
    """Add our packages to the locations of all registries that hold classes of ours.

    What ``runtime`` registers with mmengine's tables of loaders and file backends, which have no
    locations, is there as soon as mmengine can run anything.
    """
    for module, registries in LOCATIONS.items():
        after_import(module, partial(_add, module, registries))
    after_import('mmengine.runner', partial(_load, RUNTIME))


def _load(module: str) -> None:
    importlib.import_module(module)


def _add(module: str, registries: dict[str, list[str]]) -> None:
    for name, packages in registries.items():
        registry: Any = getattr(importlib.import_module(module), name)
        for package in packages:
            location = f'{PACKAGE}.{package}'
            if registry._imported:
                importlib.import_module(location)
            elif location not in registry._locations:
                registry._locations.append(location)
