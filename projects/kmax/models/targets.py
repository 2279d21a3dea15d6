"""From one integer id map per image to the masks the losses work on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from torch import Tensor

from ..runtime.values import check_counts, check_number
from ..void import IGNORED_LABEL
from .structures import KMaXTargets


def check_target_settings(
    stride: Any = 4,
    max_things: Any = 128,
    small_instance_area: Any = 0,
    small_instance_weight: Any = 1.0,
) -> None:
    """Raise a ValueError if an argument of :func:`build_targets` is none that it can have."""
    check_counts('train_cfg', stride=stride)
    check_counts('train_cfg', 0, max_things=0 if max_things is None else max_things)
    check_number('train_cfg.small_instance_area', small_instance_area, 0)
    check_number('train_cfg.small_instance_weight', small_instance_weight, 0)


def build_targets(
    batch_data_samples: Sequence[DetDataSample],
    num_things_classes: int,
    stride: int = 4,
    max_things: int | None = 128,
    small_instance_area: int = 0,
    small_instance_weight: float = 1.0,
) -> list[KMaXTargets]:
    """Turn the id maps of a batch into masks at the resolution of the mask logits.

    Things keep one mask each, stuff segments of one class are merged (kMaX-DeepLab, section 3.1).
    A thing beyond ``max_things`` gets no mask; its pixels stay labelled, not void.

    Args:
        batch_data_samples: Samples of ``PackKMaXInputs``, with ``gt_panoptic_seg.ids``
            ``(1, H, W)`` (0 is void, k > 0 the k-th row of ``gt_segments``) and
            ``gt_segments.labels`` ``(n,)``; or of mmdet's ``LoadPanopticAnnotations`` and
            ``PackDetInputs``, with ``gt_instances.masks`` and ``.labels`` of the things and
            ``gt_sem_seg.sem_seg`` ``(1, H, W)`` (``IGNORED_LABEL`` is void). In the latter a
            thing's class outside all masks is a crowd, thus void. What is smaller than
            ``batch_input_shape`` is padded with void at the bottom and on the right.
        num_things_classes: Labels below it are things.
        stride: The id map is sampled at every ``stride``-th pixel, starting with the first.
        max_things: Most thing masks of one image; None for no limit.
        small_instance_area: Instances with fewer pixels of the input than this weigh more in the
            semantic loss; 0 for none.
        small_instance_weight: Weight of their pixels.

    Returns:
        One :class:`KMaXTargets` per image, on the device of its id or semantic map.

    Raises:
        ValueError: If a sample holds neither kind of ground truth, or is larger than the batch.
    """
    segments = [_segments(sample, num_things_classes) for sample in batch_data_samples]
    per_image = _labels_on_host(batch_data_samples, [labels for _, labels in segments])
    return [
        _image_targets(
            _pad_to_batch(ids, sample),
            segment_labels,
            num_things_classes,
            stride,
            max_things,
            small_instance_area,
            small_instance_weight,
        )
        for sample, (ids, _), segment_labels in zip(
            batch_data_samples, segments, per_image, strict=True
        )
    ]


def _labels_on_host(samples: Sequence[DetDataSample], labels: list[Tensor]) -> list[list[int]]:
    """Labels of each image, as the preprocessor noted them, or after one synchronisation."""
    if all('segment_labels' in sample for sample in samples):
        return [sample.segment_labels for sample in samples]
    per_image = torch.cat(labels).cpu().split([len(part) for part in labels])
    return [part.tolist() for part in per_image]


def _segments(sample: DetDataSample, num_things: int) -> tuple[Tensor, Tensor]:
    """Id map ``(H, W)``, 0 for void, and the class ``(n,)`` of each id from 1."""
    if 'gt_panoptic_seg' in sample and 'gt_segments' in sample:
        return sample.gt_panoptic_seg.ids[0], sample.gt_segments.labels
    if 'gt_sem_seg' in sample and 'masks' in sample.get('gt_instances', ()):
        return _segments_of_masks(sample, num_things)
    raise ValueError(
        f'the sample of image {sample.get("img_path")} holds neither gt_panoptic_seg and '
        'gt_segments (of PackKMaXInputs) nor gt_instances.masks and gt_sem_seg (of '
        'LoadPanopticAnnotations and PackDetInputs): load its panoptic annotations'
    )


def _segments_of_masks(sample: DetDataSample, num_things: int) -> tuple[Tensor, Tensor]:
    """Number the masks of mmdet's samples, then the stuff classes of their semantic map."""
    semantic = _pad_to_batch(sample.gt_sem_seg.sem_seg[0], sample, IGNORED_LABEL).long()
    masks = sample.gt_instances.masks.to_ndarray()
    thing_ids = np.zeros(masks.shape[1:], np.int16)
    for row in reversed(range(len(masks))):  # the first of overlapping masks wins
        thing_ids[masks[row] != 0] = row + 1
    ids = _pad_to_batch(torch.from_numpy(thing_ids).to(semantic.device), sample)
    present = semantic.unique()
    stuff = present[(present >= num_things) & (present != IGNORED_LABEL)]
    id_of_class = semantic.new_zeros(IGNORED_LABEL + 1, dtype=torch.int16)
    id_of_class[stuff] = len(masks) + 1 + torch.arange(len(stuff)).to(id_of_class)
    ids = torch.where(ids > 0, ids, id_of_class[semantic])
    return ids, torch.cat([sample.gt_instances.labels.to(stuff), stuff])


def _pad_to_batch(grid: Tensor, sample: DetDataSample, value: int = 0) -> Tensor:
    height, width = sample.get('batch_input_shape', grid.shape)
    if grid.shape[0] > height or grid.shape[1] > width:
        raise ValueError(
            f'ground truth of {grid.shape[0]}x{grid.shape[1]} (height x width) of image '
            f'{sample.get("img_path")} is larger than its batch of {height}x{width}: load '
            'annotations before the image is resized'
        )
    return F.pad(grid, (0, width - grid.shape[1], 0, height - grid.shape[0]), value=value)


def _image_targets(
    ids: Tensor,
    labels: list[int],
    num_things: int,
    stride: int,
    max_things: int | None,
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


def _mask_rows(
    labels: list[int], num_things: int, max_things: int | None
) -> tuple[list[int], list[int]]:
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
