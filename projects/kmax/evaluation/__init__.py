"""Panoptic quality, mask AP and mIoU."""

from .cityscapes_instance import KMaXCityscapesInstanceMetric
from .cityscapes_panoptic import KMaXCityscapesPanopticMetric
from .instance import mask_ap
from .instance_metric import KMaXInstanceMetric
from .panoptic_metric import KMaXPanopticMetric
from .panoptic_quality import pq_compute
from .pipeline_metric import KMaXPipelinePanopticMetric
from .semantic import mean_iou
from .semantic_metric import KMaXSemanticMetric

__all__ = [
    'KMaXCityscapesInstanceMetric',
    'KMaXCityscapesPanopticMetric',
    'KMaXInstanceMetric',
    'KMaXPanopticMetric',
    'KMaXPipelinePanopticMetric',
    'KMaXSemanticMetric',
    'mask_ap',
    'mean_iou',
    'pq_compute',
]
