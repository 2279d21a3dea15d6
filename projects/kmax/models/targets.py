"""From one integer id map per image to the masks the losses work on."""

from collections.abc import Sequence

import torch
from mmdet.structures import DetDataSample
from torch import Tensor

from .structures import KMaXTargets


def build_targets(
    batch_data_samples: Sequence[DetDataSample],
    num_things_classes: int,
    stride: int = 4,
    max_things: int = 128,
    small_instance_area: int = 0,
    small_instance_weight: float = 1.0,
) -> list[KMaXTargets]:
    """Turn the id maps of a batch into masks at the resolution of the mask logits.

    Things keep one mask each, stuff segments of one class are merged (kMaX-DeepLab, section 3.1).
    A thing beyond ``max_things`` gets no mask; its pixels stay labelled, not void.

    Args:
        batch_data_samples: Samples with ``gt_panoptic_seg.ids`` ``(1, H, W)`` (0 is void, k > 0
            the k-th row of ``gt_segments``) and ``gt_segments.labels`` ``(n,)``.
        num_things_classes: Labels below it are things.
        stride: The id map is sampled at every ``stride``-th pixel, starting with the first.
        max_things: Most thing masks of one image.
        small_instance_area: Instances with fewer pixels of the input than this weigh more in the
            semantic loss; 0 for none.
        small_instance_weight: Weight of their pixels.

    Returns:
        One :class:`KMaXTargets` per image, on the device of its id map.
    """
    counts = [len(sample.gt_segments.labels) for sample in batch_data_samples]
    labels = torch.cat([sample.gt_segments.labels for sample in batch_data_samples])
    per_image = labels.cpu().split(counts)  # the only synchronisation with the device
    return [
        _image_targets(
            sample.gt_panoptic_seg.ids[0],
            segment_labels.tolist(),
            num_things_classes,
            stride,
            max_things,
            small_instance_area,
            small_instance_weight,
        )
        for sample, segment_labels in zip(batch_data_samples, per_image, strict=True)
    ]


def _image_targets(
    ids: Tensor,
    labels: list[int],
    num_things: int,
    stride: int,
    max_things: int,
    small_area: int,
    small_weight: float,
) -> KMaXTargets:
    rows, mask_labels = _mask_rows(labels, num_things, max_things)
    small = ids[::stride, ::stride].long()
    # Id 0 is void: its row -1 equals no mask, its class is never read.
    row_of_id = torch.tensor([-1, *rows]).to(ids.device, non_blocking=True)
    class_of_id = torch.tensor([0, *labels]).to(ids.device, non_blocking=True)
    classes = torch.tensor(mask_labels, dtype=torch.int64).to(ids.device, non_blocking=True)
    weight = torch.ones_like(small, dtype=torch.float32)
    if small_area > 0:
        is_small = torch.bincount(ids.flatten().long(), minlength=len(labels) + 1) < small_area
        weight_of_id = torch.where(is_small & (class_of_id < num_things), small_weight, 1.0)
        weight_of_id[0] = 1.0
        weight = weight_of_id[small].to(weight)
    mask_rows = torch.arange(len(mask_labels), device=ids.device)
    return KMaXTargets(
        labels=classes,
        masks=row_of_id[small] == mask_rows[:, None, None],
        is_thing=classes < num_things,
        semantic=class_of_id[small],
        void=small == 0,
        weight=weight,
    )


def _mask_rows(labels: list[int], num_things: int, max_things: int) -> tuple[list[int], list[int]]:
    """Row of the mask of each segment (-1: none) and the label of each mask, things first."""
    things = [i for i, label in enumerate(labels) if label < num_things][:max_things]
    stuff = sorted({label for label in labels if label >= num_things})
    rows = [-1] * len(labels)
    for row, segment in enumerate(things):
        rows[segment] = row
    for segment, label in enumerate(labels):
        if label >= num_things:
            rows[segment] = len(things) + stuff.index(label)
    return rows, [labels[i] for i in things] + stuff
