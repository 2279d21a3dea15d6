"""Mask AP of Cityscapes by cityscapesScripts.

mmdet's ``CityScapesMetric`` calls it too, but takes no folder of annotations (its ``seg_prefix`` is
unused), matches all images in one process when the run is over, and removes earlier results when it
is built.
"""

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.registry import METRICS
from mmengine.logging import print_log
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.errors import text_of
from kmax_deeplab.local_files import read_pixels
from kmax_deeplab.paths import refuse_shared_names

from . import cityscapes_scripts
from .export import PendingFolder
from .file_metric import FileMetric
from .image_metric import known_label
from .instance_metric import read_instances

IMAGE_SUFFIX = '_leftImg8bit'
GT_SUFFIX = '_gtFine_instanceIds.png'


@METRICS.register_module()
class KMaXCityscapesInstanceMetric(FileMetric):
    """Mask AP of Cityscapes, every image matched by cityscapesScripts beside the model.

    What is written is the folder ``{outfile_prefix}.instances``: a text file per image and a PNG
    per instance, as the test server takes them.

    Args:
        gt_folder: Folder with the cities and their ``*_gtFine_instanceIds.png``, such as
            ``gtFine/val``; not needed with ``format_only``.
        options: The arguments of :class:`FileMetric`; ``prefix`` is ``'cityscapes'`` by default.

    Raises:
        ModuleNotFoundError: When cityscapesScripts is not installed.
        FileNotFoundError: When ``gt_folder`` is missing.
        ValueError: When there is nowhere to write to with ``format_only``.
    """

    default_prefix = 'cityscapes'
    suffixes = ('.instances',)
    task = 'instance'

    def __init__(self, gt_folder: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        name = type(self).__name__
        if not self.format_only and not Path(gt_folder or '').is_dir():
            raise FileNotFoundError(f'gt_folder of {name}: {gt_folder} is not a folder')
        self.gt_folder = None if self.format_only else Path(gt_folder or '')
        self._labels = cityscapes_scripts.load('helpers.labels', name).name2label
        self._scripts = cityscapes_scripts.load(
            'evaluation.evalInstanceLevelSemanticLabeling', name
        )
        self._args = copy.copy(self._scripts.args)
        self._args.quiet = True
        self._scripts.setInstanceLabels(self._args)

    def examine(self, sample: dict) -> Callable[[], tuple[list[str], dict]]:
        """Take the instances, see :func:`read_instances`, and return the matching.

        A ValueError says when a class is not of Cityscapes.
        """
        labels, scores, masks = read_instances(sample, type(self).__name__)
        classes = self.dataset_meta['classes']
        unknown = [name for name in classes if name not in self._labels]
        if unknown:
            raise ValueError(f'Cityscapes has no classes {unknown}')
        names = (classes[known_label(n, len(classes), sample.get('img_id'))] for n in labels)
        ids = [self._labels[name].id for name in names]
        stem = Path(sample['img_path']).stem.removesuffix(IMAGE_SUFFIX)
        return partial(self._examine, stem, ids, scores, masks)

    def publish(self, outcomes: dict[Any, tuple[list[str], dict]]) -> None:
        """Give the folder its name."""
        folder = PendingFolder(self.destinations[0])
        named = [(name, f'image {i}') for i, (names, _) in outcomes.items() for name in names]
        refuse_shared_names(named, str(folder.path))
        folder.publish([name for name, _ in named])
        print_log(f'predictions are in {folder.path}/', logger='current')

    def figures(self, outcomes: dict[Any, tuple[list[str], dict]]) -> dict[str, float]:
        """Average over the classes: ``mAP`` and ``AP@50`` as fractions."""
        matches = {key: found for _, match in outcomes.values() for key, found in match.items()}
        scores = self._scripts.evaluateMatches(matches, self._args)
        averages = self._scripts.computeAverages(scores, self._args)
        classes = averages['classes'].items()
        rows = ((name, f'{ap["ap"]:.3f}', f'{ap["ap50%"]:.3f}') for name, ap in classes)
        self.show_classes(('AP', 'AP@50'), rows)
        return {'mAP': float(averages['allAp']), 'AP@50': float(averages['allAp50%'])}

    def _examine(
        self, stem: str, ids: list[int], scores: list[float], masks: NDArray[np.bool_]
    ) -> tuple[list[str], dict]:
        if self.destinations:
            folder = PendingFolder(self.destinations[0]).file(stem).parent
            names = write_instances(folder, stem, ids, scores, masks)
            return names, self._match(folder, stem, masks.shape[1:])
        with tempfile.TemporaryDirectory() as temporary:
            write_instances(Path(temporary), stem, ids, scores, masks)
            return [], self._match(Path(temporary), stem, masks.shape[1:])

    def _match(self, folder: Path, stem: str, size: tuple[int, ...]) -> dict:
        """Let cityscapesScripts match the instances in a folder."""
        if self.gt_folder is None:
            return {}
        gt_file = self.gt_folder / stem.partition('_')[0] / f'{stem}{GT_SUFFIX}'
        if not gt_file.exists():
            raise FileNotFoundError(f'annotation {gt_file} of image {stem} does not exist')
        try:
            annotated = read_pixels(gt_file, cv2.IMREAD_UNCHANGED)
        except OSError as error:
            raise ValueError(f'annotation {text_of(error)}') from error
        if annotated.shape != size:
            raise ValueError(
                f'annotation {gt_file} has size {annotated.shape}, but the prediction has size '
                f'{size}'
            )
        args = copy.copy(self._args)
        args.predictionPath = str(folder.resolve())
        text_file = str(folder.resolve() / f'{stem}_pred.txt')
        instances = self._scripts.instances2dict([str(gt_file)])
        return self._scripts.matchGtWithPreds([text_file], [str(gt_file)], instances, args)


def write_instances(
    folder: Path, stem: str, ids: list[int], scores: list[float], masks: NDArray[np.bool_]
) -> list[str]:
    """Write the instances of one image, masks ``(n, H, W)``, as cityscapesScripts reads them.

    There is a PNG for each that has a pixel, and a text file that lists them; returned are the
    names of the files.
    """
    lines = []
    for number, (label, score, mask) in enumerate(zip(ids, scores, masks, strict=True)):
        if mask.any():
            name = f'{stem}_{number}.png'
            _, encoded = cv2.imencode('.png', mask.astype(np.uint8) * 255)
            write_atomically(folder / name, encoded.tobytes())
            lines.append(f'{name} {label} {score!r}\n')
    write_atomically(folder / f'{stem}_pred.txt', ''.join(lines).encode())
    return [*(line.split()[0] for line in lines), f'{stem}_pred.txt']
