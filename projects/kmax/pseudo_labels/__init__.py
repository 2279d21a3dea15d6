"""Labels of unlabeled images, made from the predictions of a model."""

from .labelling import label_images
from .selection import Selection
from .shards import Shard

__all__ = ['Selection', 'Shard', 'label_images']
