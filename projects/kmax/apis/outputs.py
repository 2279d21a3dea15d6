"""What is written of results, and in which files."""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.panoptic_png import write_panoptic_png
from kmax_deeplab.paths import distinct_names, place_within
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit
from kmax_deeplab.result import Classes, PanopticResult

from ..panoptic.files import write_panoptic_json

KINDS = ('overlay', 'coco', 'side-by-side', 'clusters')
"""What can be written of an image."""

FOLDERS = dict(
    zip(KINDS, ('overlay', 'panoptic', 'side_by_side', 'clusters'), strict=True), video='video'
)
ENDINGS = dict(zip(KINDS, ('.jpg', '.png', '.jpg', '.jpg'), strict=True), video='.mp4')
JSON = 'panoptic.json'
PANEL_SIZE = 640
JPEG_QUALITY = 92


def name_outputs(places: list[str]) -> list[tuple[str, str]]:
    """Return how each image's path or URL is called, and its results, all different.

    Results are called as the image without its ending, or with it where two would be one.
    """
    paths = [unquote(urlsplit(p).path) if '://' in p else Path(p).as_posix() for p in places]
    sources = distinct_names(paths)
    stems = [str(PurePosixPath(source).with_suffix('')) for source in sources]
    count = Counter(stem.casefold() for stem in stems)
    alone = [count[stem.casefold()] == 1 for stem in stems]
    names = [s if lone else n for n, s, lone in zip(sources, stems, alone, strict=True)]
    if len({name.casefold() for name in names}) < len(names):
        names = sources
    return list(zip(sources, names, strict=True))


def place_outputs(folder: Path, name: str, kinds: Collection[str]) -> dict[str, Path]:
    """Return the file of each kind that is written of an image or video of that name."""
    return {
        kind: place_within(folder, f'{FOLDERS[kind]}/{name}{ENDINGS[kind]}', 'the input')
        for kind in kinds
    }


def write_outputs(result: PanopticResult, files: dict[str, Path]) -> None:
    """Write each file of :func:`place_outputs`; it appears whole or not at all."""
    for kind, file in files.items():
        if kind == 'coco':
            write_panoptic_png(file, result.id_map)
        else:
            write_atomically(file, encode_jpeg(_DRAW[kind](result)))


def write_coco(file: Path, entries: list[dict[str, Any]], classes: Classes) -> None:
    """Write the JSON of all images: the ``image`` and the ``annotation`` of each entry."""
    write_panoptic_json(
        file,
        images=[entry['image'] for entry in entries],
        annotations=[entry['annotation'] for entry in entries],
        categories=classes.categories(),
    )


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return an RGB picture ``(H, W, 3)`` as a file."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode('.jpg', picture[..., ::-1], quality)[1].tobytes()


def _original(result: PanopticResult) -> NDArray[np.uint8]:
    """Return the image of a result of an inferencer, which keeps it."""
    assert result.image is not None
    return result.image


def _draw_side_by_side(result: PanopticResult) -> NDArray[np.uint8]:
    panels = [fit(_original(result), PANEL_SIZE), fit(result.plot(), PANEL_SIZE)]
    count = len(result.segments_info)
    name = PurePosixPath(result.path or '').name
    titles = [('image', name), ('prediction', f'{count} segment{"s" if count != 1 else ""}')]
    return compose_sheet(
        [Panel(image, *title) for image, title in zip(panels, titles, strict=True)]
    )


def _draw_clusters(result: PanopticResult) -> NDArray[np.uint8]:
    # An exported file has none, and is used where what this imports is not installed.
    from ..visualization.cluster_panels import cluster_panels

    return compose_sheet(cluster_panels(result.clusters, fit(_original(result), PANEL_SIZE)))


_DRAW: dict[str, Callable[[PanopticResult], NDArray[np.uint8]]] = {
    'overlay': PanopticResult.plot,
    'side-by-side': _draw_side_by_side,
    'clusters': _draw_clusters,
}
