"""kMaX-DeepLab for the OpenMMLab stack; importing this registers everything."""

# Imported in this order: without what compat mends, mmdet may not import.
from projects.kmax import compat, datasets, engine, evaluation, models, runtime, visualization

__all__ = ['compat', 'datasets', 'engine', 'evaluation', 'models', 'runtime', 'visualization']
