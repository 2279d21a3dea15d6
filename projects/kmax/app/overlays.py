"""What the browser paints: maps as runs of numbers, and what to say of each number."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.id_runs import find_runs
from kmax_deeplab.panoptic_values import IGNORED_LABEL, VOID_ID
from kmax_deeplab.pictures.colors import cluster_palette
from kmax_deeplab.pictures.drawing import segment_colors
from kmax_deeplab.result import PanopticResult

from .visits import Look

Overlay = dict[str, Any]
"""``runs``: number and length of each run of equal pixels, row by row; ``entries``: of each number
its ``label``, ``text`` and RGB ``color``. What has no entry is not painted."""


def encode_image(image: NDArray[np.uint8]) -> str:
    """Return an RGB image ``(h, w, 3)`` as a data URL."""
    _, encoded = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return f'data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}'


def draw_views(result: PanopticResult) -> dict[str, Overlay]:
    """Return the panoptic, the semantic and the instance overlay of a result."""
    return dict(
        panoptic=_panoptic(result), semantic=_semantic(result), instances=_instances(result)
    )


def draw_clusters(look: Look) -> list[Overlay]:
    """Return the overlay of each decoder layer's k-means assignment."""
    overlays = []
    for layer in look.clusters:
        runs, shares = _encode(layer.assignment)
        colors = cluster_palette(layer.num_clusters)
        entries = {
            str(index): dict(
                label=f'cluster {index}',
                text=f'finds {look.predictions[index]} · {share:.1%} of the image',
                color=colors[index].tolist(),
            )
            for index, share in shares.items()
        }
        overlays.append(dict(runs=runs, entries=entries, stride=layer.stride))
    return overlays


def without(result: PanopticResult, names: set[str]) -> PanopticResult:
    """Return a result without the segments of some classes."""
    kept = [entry for entry in result.segments_info if entry['label'] not in names]
    numbers = np.full(len(result.segments_info) + 1, VOID_ID, np.int32)
    numbers[[entry['id'] for entry in kept]] = range(1, len(kept) + 1)
    segments_info = [dict(entry, id=number) for number, entry in enumerate(kept, start=1)]
    return replace(result, id_map=numbers[result.id_map], segments_info=segments_info)


def _panoptic(result: PanopticResult) -> Overlay:
    runs, _ = _encode(result.id_map)
    return dict(runs=runs, entries=_describe(result, result.segments_info))


def _semantic(result: PanopticResult) -> Overlay:
    labels = result.semantic
    runs, shares = _encode(np.where(labels == IGNORED_LABEL, VOID_ID, labels + 1))
    entries = {
        str(number): dict(
            label=result.classes.names[number - 1],
            text=f'{share:.1%} of the image',
            color=_plain(result.classes.colors[number - 1]),
        )
        for number, share in shares.items()
        if number != VOID_ID
    }
    return dict(runs=runs, entries=entries)


def _instances(result: PanopticResult) -> Overlay:
    """Paint the best instance last, over all that it overlaps."""
    instances = [dict(found, id=k) for k, found in enumerate(result.instances, start=1)]
    numbers = np.zeros(result.id_map.shape, np.int32)
    for instance in reversed(instances):
        numbers[instance['mask']] = instance['id']
    runs, _ = _encode(numbers)
    return dict(runs=runs, entries=_describe(result, instances))


def _describe(result: PanopticResult, segments: Sequence[dict[str, Any]]) -> dict[str, Any]:
    colors = segment_colors([entry['label_id'] for entry in segments], result.classes.colors)
    entries = {}
    for entry, color in zip(segments, colors, strict=True):
        score = '' if entry['score'] is None else f'score {entry["score"]:.2f} · '
        share = entry['area'] / result.id_map.size
        text = f'{score}{share:.1%} of the image'
        entries[str(entry['id'])] = dict(label=entry['label'], text=text, color=_plain(color))
    return entries


def _encode(numbers: NDArray[np.integer]) -> tuple[list[int], dict[int, float]]:
    """Return the runs of a map ``(h, w)``, and which share of it each number has."""
    runs = find_runs(numbers)
    pairs = np.stack([runs.ids[runs.place], runs.lengths], axis=1)
    shares = zip(runs.ids.tolist(), (runs.areas() / numbers.size).tolist(), strict=True)
    return pairs.ravel().tolist(), dict(shares)


def _plain(color: Any) -> list[int]:
    return [int(channel) for channel in color]
