"""kMaX-DeepLab for the OpenMMLab stack; importing this registers everything."""

from .missing_packages import refuse_missing_packages
from .package_families import refuse_two_families
from .package_versions import refuse_old_versions

refuse_old_versions()
refuse_two_families()
refuse_missing_packages()

# Imported in this order: without what compat mends, mmdet may not import.
from . import compat, datasets, engine, evaluation, models, runtime, visualization  # noqa: E402

__all__ = ['compat', 'datasets', 'engine', 'evaluation', 'models', 'runtime', 'visualization']
