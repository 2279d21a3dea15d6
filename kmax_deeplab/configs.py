"""Finds the configs that come with the package by their names."""

from difflib import get_close_matches
from pathlib import Path

SUFFIXES = ('.py', '.json', '.yaml', '.yml')
"""Those of files that mmengine reads as configs."""


def config_folder() -> Path:
    """Return the folder of configs: that of the installed package, or that of the clone."""
    package = Path(__file__).parent
    installed = package / '.mim' / 'configs'
    return installed if installed.is_dir() else package.parent / 'configs'


def list_configs() -> list[Path]:
    """Return all configs but those that are only parts of others."""
    folder = config_folder()
    return [
        path
        for path in sorted(folder.rglob('*.py'))
        if not any(part.startswith('_') for part in path.relative_to(folder).parts)
    ]


def find_config(config: str) -> str:
    """Return the file of a config.

    Args:
        config: Its path, or its name with or without ``.py``, or the short name of a published
            model: a file of that path comes first.

    Raises:
        ValueError: If there is no such file, or several have that name.
    """
    if Path(config).is_file() and Path(config).suffix in SUFFIXES:
        return config
    name, paths = Path(config).name.removesuffix('.py'), list_configs()
    found = [str(path) for path in paths if path.stem == name and Path(config).name == config]
    if len(found) > 1:
        raise ValueError(f'several configs are called {name}: {", ".join(found)}; give a path')
    if not found:
        # It is read for its short names only where no config has the name.
        from .released import list_models

        names = {model.alias: model.name for model in list_models()}
        if config in names:
            return find_config(names[config])
        near = get_close_matches(name.lower(), [*(path.stem for path in paths), *names], cutoff=0.5)
        hint = f'; did you mean {" or ".join(near)}?' if near else f' in {config_folder()}'
        fault = 'does not exist'
        if config and Path(config).is_dir():
            fault = 'is a folder'
        elif Path(config).is_file():
            fault = f'ends in none of {", ".join(SUFFIXES)}'
        raise ValueError(f'file {config or "(empty)"} {fault}, nor a config of that name{hint}')
    return found[0]
