"""Annotates tasks of CVAT; needs ``pip install cvat-sdk``.

``cvat-cli task auto-annotate`` takes this module as ``--function-module`` and parameters of
:class:`PanopticFunction` as ``-p model=str:kmax_r50_coco``.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk.masks import encode_mask
from cvat_sdk.models import LabeledShapeRequest
from PIL import Image

from kmax_deeplab.result import PanopticResult

from ..apis import KMaXInferencer
from .outlines import trace_outlines

__all__ = ['PanopticFunction', 'create']


class PanopticFunction:
    """Gives the segments of an image to CVAT, as masks or polygons: its ``DetectionFunction``.

    Args:
        model: A released model or a config, by name, or a config's path.
        weights: The checkpoint; a released model has its own.
        device: Where it runs; by default a GPU if there is one.
        **options: Others of :class:`~projects.kmax.apis.KMaXInferencer`, as ``amp=True`` or
            ``class_threshold_thing=0.5``.

    Raises:
        ValueError: For a model that does not exist or has no weights, and for unknown options.
    """

    def __init__(
        self,
        model: str | Path,
        weights: str | Path | None = None,
        device: str | None = None,
        **options: Any,
    ) -> None:
        self.inferencer = KMaXInferencer(model, weights, device, **options)

    @cached_property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        """The model's classes, in its order, which CVAT matches by name with a task's labels."""
        names = self.inferencer.classes.names
        return cvataa.DetectionFunctionSpec(
            labels=[cvataa.label_spec(name, label, type='mask') for label, name in enumerate(names)]
        )

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: Image.Image
    ) -> list[LabeledShapeRequest]:
        """Return the shapes of an image's segments.

        Args:
            context: Its ``conf_threshold`` is the least score of a segment, beside the model's own
                thresholds; with ``conv_mask_to_poly`` each part of a segment becomes a polygon.
            image: As CVAT gives it.
        """
        result = self.inferencer(image)
        return list(_shapes(result, context.conf_threshold or 0, context.conv_mask_to_poly))


def _shapes(
    result: PanopticResult, threshold: float, as_polygons: bool
) -> Iterator[LabeledShapeRequest]:
    for segment in result.segments_info:
        if segment['score'] < threshold:
            continue
        mask, label = result.mask(segment['id']), segment['label_id']
        if as_polygons:
            for outline in trace_outlines(mask):
                # What lies in the holes of stuff, which polygons have not, is drawn above it.
                yield cvataa.polygon(
                    label, outline.ravel().tolist(), z_order=int(segment['isthing'])
                )
        else:
            x, y, width, height = segment['bbox']
            yield cvataa.mask(label, encode_mask(mask, [x, y, x + width, y + height]))


create = PanopticFunction
"""What CVAT calls with the parameters of its command line."""
