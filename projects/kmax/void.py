"""Void, the pixels that belong to no segment: the one table of how each stage writes it.

======================================  =======================================================
panoptic PNG, JSON                      id ``VOID_ID``; crowd segments have ids of their own
``gt_seg_map``, ``gt_panoptic_seg.ids``  ``VOID_ID``, for void and for crowd; k is segment k - 1
semantic maps, ``gt_sem_seg``           ``IGNORED_LABEL``, the ignore index of mmdet and mmseg
``KMaXTargets``, ``GroundTruthMasks``    ``void``, a mask of its own; in the port's recipe every
                                        pixel without a (matched) mask
class logits, labels of queries         class ``K``, after the K classes: the last channel
``pan_results``, ``pred_panoptic_seg``  label ``K``, see :func:`is_void`
predictions in files                    ``VOID_ID`` again; a segment has its value plus one
======================================  =======================================================

``docs/architecture.md`` shows the same along the way from a PNG to a result.
"""

from typing import Any

from kmax_deeplab.panoptic_values import IGNORED_LABEL, INSTANCE_OFFSET, VOID_ID

__all__ = ['IGNORED_LABEL', 'INSTANCE_OFFSET', 'MAX_CLASSES', 'VOID_ID', 'is_void']

MAX_CLASSES = INSTANCE_OFFSET - 1
"""The most classes that ``label + 1000 * instance`` can tell apart, with void as one more."""


def is_void(panoptic: Any, num_classes: int) -> Any:
    """Tell where predicted panoptic values, ``label + 1000 * instance``, are void.

    Args:
        panoptic: A value, an array or a tensor of any shape.
        num_classes: Number of thing and stuff classes K.

    Example:
        >>> is_void(np.array([0, 1000, 2, 3]), num_classes=3)
        array([False, False, False,  True])
    """
    return panoptic % INSTANCE_OFFSET == num_classes
