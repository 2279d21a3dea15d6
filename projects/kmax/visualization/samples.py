"""What data samples and networks hold, as arrays to be drawn."""

from typing import Any

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from kmax_deeplab.pictures.clusters import upsample_nearest
from kmax_deeplab.pictures.segments import Segments
from kmax_deeplab.result import ClusterLayer

from ..models.structures import Observation


def to_numpy(array: Any) -> np.ndarray:
    """Return a tensor on any device, or what is an array already, as an array."""
    return array.cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)


def annotated_segments(sample: DetDataSample) -> Segments:
    """Read ``gt_panoptic_seg.ids`` and ``gt_segments.labels``, without the padding."""
    ids = sample.gt_panoptic_seg.ids
    whole = tuple(ids.shape[-2:]) == tuple(sample.ori_shape)
    height, width = sample.ori_shape if whole else sample.img_shape
    ids = to_numpy(ids[0, :height, :width])
    return Segments(ids.astype(np.int32), sample.gt_segments.labels.tolist())


def assign_pixels(mask_logits: Tensor) -> np.ndarray:
    """Return each pixel's centre ``(h, w)`` by its logits ``(N, h, w)`` (kMaX-DeepLab, eq. 5)."""
    return mask_logits.argmax(0).cpu().numpy()


def read_clusters(observation: Observation) -> list[ClusterLayer]:
    """Return the assignment of each decoder layer, at the size of the image as it is shown."""
    meta = observation.sample.metainfo
    padded, content, shown = (
        tuple(meta[name][:2]) for name in ('batch_input_shape', 'img_shape', 'ori_shape')
    )
    layers = []
    for logits in observation.layers:
        assignment = upsample_nearest(assign_pixels(logits), padded, content)
        if content != shown:
            assignment = cv2.resize(
                assignment.astype(np.int32), shown[::-1], interpolation=cv2.INTER_NEAREST
            )
        # By the longer side: the other may be one pixel.
        stride = round((max(*padded, 2) - 1) / (max(*logits.shape[-2:], 2) - 1))
        layers.append(ClusterLayer(assignment, stride, len(logits)))
    return layers
