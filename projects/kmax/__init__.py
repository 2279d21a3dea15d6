"""kMaX-DeepLab for the OpenMMLab stack; importing it registers everything."""

import warnings
from importlib import import_module
from importlib.util import find_spec

from projects.kmax import compat  # noqa: F401  (first: mmdet cannot be imported without it)

for _name in ('models', 'datasets', 'evaluation', 'engine', 'visualization'):
    if find_spec(f'{__name__}.{_name}') is not None:
        try:
            import_module(f'{__name__}.{_name}')
        except Exception as error:
            warnings.warn(f'{_name}: {error!r}', stacklevel=2)
