"""Pre-annotations for the brush of Label Studio; needs ``pip install label-studio-sdk``."""

from typing import Any
from xml.etree import ElementTree

import numpy as np

from kmax_deeplab.result import Classes, PanopticResult

try:
    from label_studio_sdk.converter.brush import mask2rle
except ImportError as error:
    raise ImportError(
        'masks for Label Studio are encoded by label-studio-sdk: '
        f"pip install 'kmax-deeplab[annotators]' ({error})"
    ) from error

IMAGE, BRUSH = 'image', 'segments'
"""Names of the tags in the labelling config."""

OPAQUE = 255


def labelling_config(classes: Classes) -> str:
    """Return the XML of a project's labelling interface: an image and a brush for each class."""
    view = ElementTree.Element('View')
    ElementTree.SubElement(view, 'Image', name=IMAGE, value=f'${IMAGE}', zoom='true')
    brush = ElementTree.SubElement(view, 'BrushLabels', name=BRUSH, toName=IMAGE)
    for name, (red, green, blue) in zip(classes.names, classes.colors, strict=True):
        color = f'#{red:02x}{green:02x}{blue:02x}'
        ElementTree.SubElement(brush, 'Label', value=name, background=color)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding='unicode')


def make_task(result: PanopticResult, image_url: str, model_version: str) -> dict[str, Any]:
    """Return a task of Label Studio's JSON, with the segments as its prediction.

    Args:
        result: The segments of the image.
        image_url: Where Label Studio finds the image.
        model_version: What the prediction is called in Label Studio.
    """
    segments = result.segments_info
    prediction: dict[str, Any] = dict(
        model_version=model_version, result=[_region(result, segment) for segment in segments]
    )
    if segments:
        scores, areas = ([s[key] for s in segments] for key in ('score', 'area'))
        prediction['score'] = float(np.average(scores, weights=areas))
    return dict(data={IMAGE: image_url}, predictions=[prediction])


def _region(result: PanopticResult, segment: dict[str, Any]) -> dict[str, Any]:
    height, width = result.id_map.shape
    mask = result.mask(segment['id']).astype(np.uint8) * OPAQUE
    return dict(
        id=f'segment-{segment["id"]}',
        type='brushlabels',
        from_name=BRUSH,
        to_name=IMAGE,
        original_width=width,
        original_height=height,
        image_rotation=0,
        value=dict(format='rle', rle=mask2rle(mask), brushlabels=[segment['label']]),
        score=segment['score'],
    )
