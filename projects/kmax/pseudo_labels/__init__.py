"""Labels of unlabeled images, made from the predictions of a model."""

from .labelling import label_images
from .selection import Selection

__all__ = ['Selection', 'label_images']
