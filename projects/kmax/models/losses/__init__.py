"""The five losses of kMaX-DeepLab, the criterion that applies them, and what a loss must be."""

from .aux_semantic_loss import AuxSemanticLoss
from .criterion import KMaXCriterion
from .instance_discrimination_loss import InstanceDiscriminationLoss
from .interface import KMaXLoss, LossInputs
from .mask_id_loss import MaskIDLoss
from .pq_style_class_loss import PQStyleClassLoss
from .pq_style_dice_loss import PQStyleDiceLoss

__all__ = [
    'AuxSemanticLoss',
    'InstanceDiscriminationLoss',
    'KMaXCriterion',
    'KMaXLoss',
    'LossInputs',
    'MaskIDLoss',
    'PQStyleClassLoss',
    'PQStyleDiceLoss',
]
