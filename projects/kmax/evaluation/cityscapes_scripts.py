"""cityscapesScripts, which is optional."""

import importlib
from types import ModuleType


def load(module: str, owner: str) -> ModuleType:
    """Import a module of cityscapesScripts.

    Args:
        module: Its name within the package.
        owner: What needs it, for the error message.

    Raises:
        ModuleNotFoundError: When the package is not installed; says how to install it.
    """
    try:
        return importlib.import_module(f'cityscapesscripts.{module}')
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'{owner} needs cityscapesScripts, but {error.name} is not installed: '
            'pip install cityscapesscripts'
        ) from error
