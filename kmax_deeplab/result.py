"""The panoptic result of an image, with numpy, OpenCV and Pillow only."""

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .atomic_file import write_atomically
from .id_runs import find_runs
from .panoptic_png import write_panoptic_png
from .panoptic_values import IGNORED_LABEL, INSTANCE_OFFSET, VOID_ID
from .paths import place_within, refuse_replacing
from .pictures.clusters import draw_clusters
from .pictures.colors import Color, cluster_palette
from .pictures.drawing import FILL, enlarge, paint_segments, write_names
from .pictures.segments import Segments

NOTHING = dict(area=0, bbox=[0, 0, 0, 0])


@dataclass(frozen=True)
class Classes:
    """What the labels of a model stand for; things come first.

    Attributes:
        names: Name of each label.
        num_things: How many of them are things.
        category_ids: The data set's id of each; by default the label plus one.
        palette: RGB colour of each; by default distinct ones.
    """

    names: Sequence[str]
    num_things: int
    category_ids: Sequence[int] | None = None
    palette: Sequence[Color] | None = None

    def __post_init__(self) -> None:
        for field_name in ('category_ids', 'palette'):
            values = getattr(self, field_name)
            if values is not None and len(values) != len(self.names):
                raise ValueError(
                    f'{field_name} has {len(values)} entries for {len(self.names)} classes'
                )

    @property
    def colors(self) -> Sequence[Color]:
        """The palette, or distinct colours."""
        if self.palette is not None:
            return self.palette
        return [
            (red, green, blue) for red, green, blue in cluster_palette(len(self.names)).tolist()
        ]

    def describe(self, label: int) -> dict[str, Any]:
        """Return what a segment's entry says of its class."""
        category = label + 1 if self.category_ids is None else self.category_ids[label]
        return dict(
            category_id=int(category),
            label_id=label,
            label=self.names[label],
            isthing=label < self.num_things,
        )

    def categories(self) -> list[dict[str, Any]]:
        """Return the ``categories`` of COCO's panoptic JSON."""
        return [
            dict(
                id=entry['category_id'],
                name=entry['label'],
                isthing=int(entry['isthing']),
                color=list(color),
            )
            for color, entry in zip(
                self.colors, map(self.describe, range(len(self.names))), strict=True
            )
        ]


@dataclass(frozen=True)
class ClusterLayer:
    """The k-means assignment of one decoder layer.

    Attributes:
        assignment: ``(H, W)`` centre of each pixel of the image.
        stride: Pixels of the network's input between those that were assigned.
        num_clusters: How many centres there are.
    """

    assignment: NDArray[np.integer]
    stride: int
    num_clusters: int

    def plot(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Paint each pixel in the colour of its centre over an RGB image ``(H, W, 3)``."""
        return draw_clusters(image, self.assignment, self.num_clusters)


@dataclass(eq=False)
class PanopticResult:
    """Segments of an image, in the form of COCO's panoptic JSON and of Hugging Face.

    It can be pickled; what computes the clusters, which may hold the network, is then left behind.

    Attributes:
        id_map: ``(H, W)`` int32: 0 for void, k for the k-th entry of ``segments_info``.
        segments_info: Of each segment ``id``, ``category_id`` (the data set's), ``label_id`` (the
            model's), ``label`` (its name), ``isthing``, ``score`` (mean probability of its pixels
            times that of its class; None where it is unknown), ``area`` in pixels and ``bbox``
            ``[x, y, width, height]``.
        classes: What labels stand for.
        image: The image, RGB ``(H, W, 3)`` uint8, or None if it was not kept.
        path: The file of the image, or None.
        find_clusters: Computes :attr:`clusters`.
        semantic_map: ``(H, W)`` class of each pixel, where a model decides it by itself.
        found_instances: ``labels``, ``scores`` and ``masks`` ``(n, H, W)``, likewise.
    """

    id_map: NDArray[np.int32]
    segments_info: list[dict[str, Any]]
    classes: Classes
    image: NDArray[np.uint8] | None = field(default=None, repr=False)
    path: str | None = None
    find_clusters: Callable[[], list[ClusterLayer]] | None = field(default=None, repr=False)
    semantic_map: NDArray[np.integer] | None = field(default=None, repr=False)
    found_instances: Mapping[str, NDArray[Any]] | None = field(default=None, repr=False)

    @classmethod
    def from_panoptic(
        cls,
        panoptic: NDArray[np.integer],
        classes: Classes,
        pixel_scores: Sequence[NDArray[np.floating]] = (),
        segment_scores: Mapping[int, float] | None = None,
        **more: Any,
    ) -> 'PanopticResult':
        """Describe the segments of a map of ``label + 1000 * instance``.

        Args:
            panoptic: ``(H, W)``; labels that are no class, as the number of classes, are void.
            classes: What labels stand for.
            pixel_scores: Maps ``(H, W)`` of probabilities; the product of their means is a
                segment's score.
            segment_scores: Instead of these the score of each value of the map.
            **more: Further attributes.
        """
        runs = find_runs(panoptic)
        labels = runs.ids % INSTANCE_OFFSET
        known = labels < len(classes.names)
        numbers = np.where(known, np.cumsum(known), VOID_ID).astype(np.int32)
        id_map = runs.replace_ids(numbers)
        scores: list[float | None] = [None] * int(known.sum())
        if pixel_scores:
            scores = runs.scores(pixel_scores)[known].tolist()
        elif segment_scores is not None:
            scores = [segment_scores[value] for value in runs.ids[known].tolist()]
        described = list(runs.describe().values())
        measures = [entry for entry, is_known in zip(described, known, strict=True) if is_known]
        segments_info = [
            dict(id=number, **classes.describe(int(label)), score=score, **measured)
            for number, (label, score, measured) in enumerate(
                zip(labels[known], scores, measures, strict=True), start=1
            )
        ]
        return cls(id_map, segments_info, classes, **more)

    def __getstate__(self) -> dict[str, Any]:
        known = getattr(self, '_clusters', None)
        return dict(vars(self), find_clusters=None if known is None else partial(list, known))

    @property
    def semantic(self) -> NDArray[np.int32]:
        """Class ``(H, W)`` of each pixel, 255 for void: that of its segment, unless it has another.

        A model with ``semantic_on`` decides it apart from the segments.
        """
        if self.semantic_map is not None:
            return self.semantic_map.astype(np.int32, copy=False)
        labels = [segment['label_id'] for segment in self.segments_info]
        return np.array([IGNORED_LABEL, *labels], np.int32)[self.id_map]

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The things, best first, each with its ``mask`` ``(H, W)`` bool in addition.

        A model with ``instance_on`` finds them apart from the segments: they may overlap.
        """
        if self.found_instances is not None:
            return self._describe_instances(self.found_instances)
        things = [segment for segment in self.segments_info if segment['isthing']]
        things.sort(key=lambda segment: -(segment['score'] or 0))
        return [dict(segment, mask=self.mask(segment['id'])) for segment in things]

    @property
    def clusters(self) -> list[ClusterLayer]:
        """The k-means assignment of each decoder layer, computed when first asked for.

        Raises:
            ValueError: If what made the result cannot tell.
        """
        if self.find_clusters is None:
            raise ValueError('this result was made without the clusters of its decoder layers')
        if not hasattr(self, '_clusters'):
            self._clusters = self.find_clusters()
        return self._clusters

    def mask(self, segment_id: int) -> NDArray[np.bool_]:
        """Return the pixels ``(H, W)`` of a segment."""
        self._check_id(segment_id)
        return self.id_map == segment_id

    def rle(self, segment_id: int) -> dict[str, Any]:
        """Return a segment's mask in COCO's compressed run lengths; needs pycocotools."""
        encode = importlib.import_module('pycocotools.mask').encode
        encoded = encode(np.asfortranarray(self.mask(segment_id), np.uint8))
        return dict(size=list(encoded['size']), counts=encoded['counts'].decode())

    def plot(
        self, opacity: float = FILL, names: bool = True, readable: bool = True
    ) -> NDArray[np.uint8]:
        """Draw the segments over the image, or over white if it was not kept.

        Args:
            opacity: Of the segments, 0 to 1.
            names: Whether to write the class of each.
            readable: Whether small images are enlarged for that.

        Returns:
            RGB ``(H, W, 3)``.
        """
        if not 0 <= opacity <= 1:
            raise ValueError(f'opacity must be between 0 and 1, is {opacity!r}')
        image = self.image
        if image is None:
            image = np.full((*self.id_map.shape, 3), 255, np.uint8)
        if readable:
            image = enlarge(image)
        labels = [segment['label_id'] for segment in self.segments_info]
        segments = Segments(self.id_map, labels).resize(image.shape[:2])
        painted = paint_segments(image, segments, self.classes.colors, opacity=opacity)
        return write_names(painted, segments, self.classes.names) if names else painted

    def to_coco(self, file_name: str, image_id: Any = None) -> dict[str, Any]:
        """Return the entry of COCO's panoptic JSON; its PNG holds ``id_map``.

        Args:
            file_name: Name of the PNG.
            image_id: Id of the image; by default its file without the ending.
        """
        if image_id is None:
            image_id = Path(self.path or file_name).stem
        keys = ('id', 'category_id', 'isthing', 'area', 'bbox')
        segments = [{key: segment[key] for key in keys} for segment in self.segments_info]
        for segment, found in zip(segments, self.segments_info, strict=True):
            segment.update(isthing=int(segment['isthing']), iscrowd=0)
            if found['score'] is not None:
                segment['score'] = found['score']
        return dict(image_id=image_id, file_name=file_name, segments_info=segments)

    def to_transformers(self) -> dict[str, Any]:
        """Return what Hugging Face's ``post_process_panoptic_segmentation`` gives for an image.

        ``segmentation`` is a tensor where torch is loaded, as theirs, else an array.
        """
        torch = sys.modules.get('torch')
        segmentation: Any = self.id_map if torch is None else torch.from_numpy(self.id_map)
        segments = [
            dict(id=s['id'], label_id=s['label_id'], was_fused=not s['isthing'], score=s['score'])
            for s in self.segments_info
        ]
        return dict(segmentation=segmentation, segments_info=segments)

    def save(
        self, folder: str | Path, name: str | None = None, opacity: float = FILL
    ) -> list[Path]:
        """Write the result into a folder: a drawing, a PNG of ids, and a JSON.

        A result of the same name that is there is replaced.

        Args:
            folder: Is made where it is absent.
            name: What the files are called, without an ending, within the folder; by default as the
                image, or ``result``.
            opacity: Of the segments in the drawing, 0 to 1.

        Returns:
            ``NAME.png`` with the drawing, ``NAME_panoptic.png`` with the ids and ``NAME.json``,
            whose entry is that of :meth:`to_coco` with ``categories`` in addition.

        Raises:
            ValueError: If the name leads out of the folder, or a file would replace the image.
        """
        name = name or Path(self.path or 'result').stem
        files = [
            place_within(Path(folder), f'{name}{ending}', 'the result')
            for ending in ('.png', '_panoptic.png', '.json')
        ]
        refuse_replacing(files, [self.path] if self.path else [])
        drawing, ids, json_file = files
        _, encoded = cv2.imencode('.png', self.plot(opacity)[..., ::-1])
        write_atomically(drawing, encoded.tobytes())
        write_panoptic_png(ids, self.id_map)
        annotations = [self.to_coco(ids.name)]
        content = dict(annotations=annotations, categories=self.classes.categories())
        write_atomically(json_file, json.dumps(content, indent=1).encode())
        return files

    def _describe_instances(self, found: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        described = []
        columns = (found['labels'], found['scores'], found['masks'])
        for number, (label, score, mask) in enumerate(zip(*columns, strict=True), start=1):
            measured = find_runs(mask.astype(np.int32)).describe().get(1, NOTHING)
            instance = dict(id=number, **self.classes.describe(int(label)), score=float(score))
            described.append(dict(**instance, **measured, mask=mask))
        return described

    def _check_id(self, segment_id: int) -> None:
        if not 1 <= segment_id <= len(self.segments_info):
            raise ValueError(
                f'there is no segment {segment_id}: ids are 1 to {len(self.segments_info)}'
            )
