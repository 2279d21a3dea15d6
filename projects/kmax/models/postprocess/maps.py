"""What post-processing is told, and the maps it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, get_type_hints

import torch
from torch import Tensor

from kmax_deeplab.resampling import nearest_index

from ...runtime.setting_values import check_kinds
from ...runtime.values import check_number

FRACTIONS = (
    'pixel_confidence_threshold',
    'class_threshold_thing',
    'class_threshold_stuff',
    'class_threshold',
    'overlap_threshold',
)


@dataclass(frozen=True)
class PostprocessConfig:
    """The fields of ``test_cfg``; the defaults are those of the original on COCO.

    Attributes:
        panoptic_on: Return ``pan_results``.
        semantic_on: Return ``sem_results``.
        instance_on: Return ``ins_results``.
        postprocess: Name of the rules: ``'deeplab2'`` merges one mask after the other,
            ``'pixelwise'`` decides pixel by pixel, ``'port'`` merges at the output's size.
        pixel_confidence_threshold: Probability above which a pixel belongs to a mask.
        class_threshold_thing: Lowest class probability of a thing.
        class_threshold_stuff: Lowest class probability of stuff.
        class_threshold: Lowest class probability of a mask in the pixelwise rules.
        overlap_threshold: Fraction of a mask that must still be free when it is pasted.
        reorder_class_weight: Exponent of the class probability in the order of pasting.
        reorder_mask_weight: Exponent of the mask's mean probability in that order.
        thing_area_limit: Fewest pixels of a thing, at the size of the padded input; the port's
            rules have no limits.
        stuff_area_limit: Fewest pixels of a stuff class, likewise.
        max_per_image: Most instances returned per image, best first.
    """

    panoptic_on: bool = True
    semantic_on: bool = False
    instance_on: bool = False
    postprocess: str = 'deeplab2'
    pixel_confidence_threshold: float = 0.4
    class_threshold_thing: float = 0.7
    class_threshold_stuff: float = 0.5
    class_threshold: float = 0.7
    overlap_threshold: float = 0.8
    reorder_class_weight: float = 1.0
    reorder_mask_weight: float = 1.0
    thing_area_limit: int = 400
    stuff_area_limit: int = 6400
    max_per_image: int = 100

    @classmethod
    def from_test_cfg(cls, test_cfg: Mapping[str, Any] | None) -> Self:
        """Check the names and values in ``test_cfg`` and fill in the defaults.

        Raises:
            ValueError: For a field that does not exist, or a value that it cannot have.
        """
        known = [known.name for known in fields(cls)]
        unknown = sorted(set(test_cfg or {}) - set(known))
        if unknown:
            raise ValueError(f'test_cfg has unknown fields {unknown}; it may have {known}')
        check_kinds('test_cfg', test_cfg or {}, [get_type_hints(cls)])
        cfg = cls(**(test_cfg or {}))
        for name in FRACTIONS:
            check_number(f'test_cfg.{name}', getattr(cfg, name), 0, 1)
        for name in ('reorder_class_weight', 'reorder_mask_weight'):
            check_number(f'test_cfg.{name}', getattr(cfg, name), 0)
        for name in ('thing_area_limit', 'stuff_area_limit'):
            check_number(f'test_cfg.{name}', getattr(cfg, name), 0)
        check_number('test_cfg.max_per_image', cfg.max_per_image, 1, whole=True)
        return cfg

    @property
    def segments_on(self) -> bool:
        """Whether panoptic segments are needed: instances are made from them too."""
        return self.panoptic_on or self.instance_on


@dataclass(frozen=True)
class Frame:
    """Sizes ``(H, W)`` of one image on its way through the model.

    Attributes:
        padded: The input of the network.
        content: Its upper left part that shows the image.
        output: The maps returned.
    """

    padded: tuple[int, int]
    content: tuple[int, int]
    output: tuple[int, int]
    _index: dict[tuple[int, torch.device], Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def from_metainfo(cls, metainfo: Mapping[str, Any], rescale: bool) -> Self:
        """Read a data sample's sizes; those not given equal those of the image.

        Args:
            metainfo: ``img_shape`` of the resized image, ``ori_shape`` of the original one, and
                ``batch_input_shape`` or ``pad_shape`` of the network's input. One of the first two
                suffices.
            rescale: Whether maps of the original image's size are wanted.

        Raises:
            ValueError: When neither image has a size, or the input is smaller than the image.
        """
        content = metainfo.get('img_shape') or metainfo.get('ori_shape')
        if content is None:
            raise ValueError(
                f'metainfo has neither img_shape nor ori_shape, only {sorted(metainfo)}'
            )
        padded = metainfo.get('batch_input_shape') or metainfo.get('pad_shape') or content
        output = (metainfo.get('ori_shape') or content) if rescale else content
        if padded[0] < content[0] or padded[1] < content[1]:
            raise ValueError(
                f'the image of {content[0]}x{content[1]} pixels does not fit into the input of '
                f'{padded[0]}x{padded[1]}: check img_shape and batch_input_shape'
            )
        return cls(*((int(size[0]), int(size[1])) for size in (padded, content, output)))

    def bring_out(self, padded_map: Tensor) -> Tensor:
        """Crop a map ``(H, W)`` to the content and resize it to the output, nearest pixel."""
        cropped = padded_map[: self.content[0], : self.content[1]]
        for axis, (size, new_size) in enumerate(zip(self.content, self.output, strict=True)):
            if size != new_size:
                cropped = cropped.index_select(axis, self._source_index(axis, cropped.device))
        return cropped

    def _source_index(self, axis: int, device: torch.device) -> Tensor:
        """Every map of the image needs the same indices: send them to the device once."""
        key = axis, device
        if key not in self._index:
            index = nearest_index(self.content[axis], self.output[axis])
            self._index[key] = torch.from_numpy(index).to(device)
        return self._index[key]


@dataclass(frozen=True)
class ImagePrediction:
    """All that the results of one image are made from.

    Attributes:
        cls_logits: ``(N, K + 1)``, void last.
        mask_logits: ``(N, h, w)`` at the model's stride.
        frame: Sizes of the image.
        cfg: Thresholds and what is asked for.
        num_things_classes: Number of thing classes, which come first.
        name: What messages call the image.
    """

    cls_logits: Tensor
    mask_logits: Tensor
    frame: Frame
    cfg: PostprocessConfig
    num_things_classes: int
    name: str = ''

    @property
    def num_classes(self) -> int:
        """Number of thing and stuff classes K, which is the label of void, too."""
        return self.cls_logits.shape[1] - 1

    def class_threshold(self, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Lowest class probability of queries with these best classes ``(N,)``."""
        thing, stuff = (
            torch.full((), value, dtype=dtype, device=labels.device)
            for value in (self.cfg.class_threshold_thing, self.cfg.class_threshold_stuff)
        )
        return torch.where(labels < self.num_things_classes, thing, stuff)


@dataclass
class SegmentMaps:
    """Panoptic maps ``(h, w)`` of one image.

    Attributes:
        panoptic: int32 ``label + instance * 1000``; instance 0 for stuff; void is the number
            of classes.
        instance: int32 mark of the query that a pixel is assigned to.
        instance_scores: Probability of the strongest query.
        semantic_scores: Class probability of the query that a pixel is assigned to.
    """

    panoptic: Tensor
    instance: Tensor
    instance_scores: Tensor
    semantic_scores: Tensor


@dataclass
class PanopticMaps:
    """Maps of one image at the size of the output; None where not asked for.

    Attributes:
        segments: The panoptic maps.
        semantic: ``(h, w)`` int64 class of the strongest query.
    """

    segments: SegmentMaps | None = None
    semantic: Tensor | None = None


def large_enough(
    areas: Tensor,
    labels: Tensor,
    cfg: PostprocessConfig,
    num_things_classes: int,
    num_classes: int,
) -> Tensor:
    """Whether each of ``(M,)`` things, or all stuff of its class together, reaches the area limit.

    ``areas`` are the pixels of each mask, and ``labels`` their classes, of which things come first.
    """
    per_class = areas.new_zeros(num_classes).index_add_(0, labels, areas)
    return torch.where(
        labels < num_things_classes,
        areas >= cfg.thing_area_limit,
        per_class[labels] >= cfg.stuff_area_limit,
    )
