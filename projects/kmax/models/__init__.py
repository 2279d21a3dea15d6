"""The network, from backbone to panoptic maps."""

from .backbones import AxialResNet, KMaXConvNeXt, KMaXResNet
from .data_preprocessor import KMaXDataPreprocessor
from .detector import KMaXDeepLab
from .fusion_head import KMaXFusionHead
from .kmax_head import KMaXHead
from .kmeans_attention import KMeansCrossAttention
from .losses import KMaXCriterion
from .pixel_decoder import KMaXPixelDecoder
from .seg_head import KMaXSegHead, rename_panoptic_head
from .seg_tta import KMaXSegTTAModel
from .semantic_decoder import KMaXSemanticDecoder, KMaXSemanticHead
from .structures import KMaXOutput, KMaXPrediction, KMaXTargets
from .transformer_decoder import KMaXTransformerDecoder
from .tta import KMaXTTAModel

__all__ = [
    'AxialResNet',
    'KMaXConvNeXt',
    'KMaXCriterion',
    'KMaXDataPreprocessor',
    'KMaXDeepLab',
    'KMaXFusionHead',
    'KMaXHead',
    'KMaXOutput',
    'KMaXPixelDecoder',
    'KMaXPrediction',
    'KMaXResNet',
    'KMaXSegHead',
    'KMaXSegTTAModel',
    'KMaXSemanticDecoder',
    'KMaXSemanticHead',
    'KMaXTTAModel',
    'KMaXTargets',
    'KMaXTransformerDecoder',
    'KMeansCrossAttention',
    'rename_panoptic_head',
]
