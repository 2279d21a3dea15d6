"""Panoptic quality, mask AP and mIoU."""

from .instance import mask_ap
from .panoptic_metric import KMaXPanopticMetric
from .panoptic_quality import pq_compute
from .semantic import mean_iou

__all__ = ['KMaXPanopticMetric', 'mask_ap', 'mean_iou', 'pq_compute']
