"""Mask AP of Cityscapes by cityscapesScripts."""

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.registry import METRICS
from mmengine.logging import MMLogger, print_log
from numpy.typing import NDArray
from terminaltables import AsciiTable

from kmax_deeplab.atomic_file import write_atomically

from ..compat import cityscapes_scripts
from .export import PendingFolder
from .image_metric import ImageMetric
from .instance_metric import read_instances

IMAGE_SUFFIX = '_leftImg8bit'
GT_SUFFIX = '_gtFine_instanceIds.png'


@METRICS.register_module()
class KMaXCityscapesInstanceMetric(ImageMetric):
    """Mask AP of Cityscapes, every image matched by cityscapesScripts beside the model.

    Args:
        gt_folder: Folder with the cities and their ``*_gtFine_instanceIds.png``, such as
            ``gtFine/val``; not needed with ``format_only``.
        classwise: Also print a table of all thing classes.
        format_only: Only write the predictions.
        outfile_prefix: Write predictions to the folder ``{outfile_prefix}.instances``, a text file
            per image and a PNG per instance, as the test server takes them; it appears when all
            images are predicted.
        collect_device: Device on which processes exchange results.
        prefix: First part of the names of the results, ``'cityscapes'`` by default.

    Raises:
        ModuleNotFoundError: When cityscapesScripts is not installed.
        FileNotFoundError: When ``gt_folder`` is missing.
        ValueError: When there is nowhere to write to with ``format_only``, or nothing to compare
            with without it.
    """

    default_prefix = 'cityscapes'

    def __init__(
        self,
        gt_folder: str | None = None,
        classwise: bool = False,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and outfile_prefix is None:
            raise ValueError('format_only=True needs outfile_prefix: where to write predictions')
        name = type(self).__name__
        if not format_only and not Path(gt_folder or '').is_dir():
            raise FileNotFoundError(f'gt_folder of {name}: {gt_folder} is not a folder')
        self.gt_folder = None if format_only else Path(gt_folder or '')
        self.classwise = classwise
        self.export = PendingFolder(f'{outfile_prefix}.instances') if outfile_prefix else None
        self._labels = cityscapes_scripts.load('helpers.labels', name).name2label
        self._scripts = cityscapes_scripts.load(
            'evaluation.evalInstanceLevelSemanticLabeling', name
        )
        self._args = copy.copy(self._scripts.args)
        self._args.quiet = True
        self._scripts.setInstanceLabels(self._args)

    def examine(self, sample: dict) -> Callable[[], tuple[list[str], dict]]:
        """Take the predictions of one image.

        Args:
            sample: Data sample as a dict, with ``img_path`` and ``pred_instances``, which holds
                ``labels``, ``scores`` and ``masks`` ``(n, H, W)``.

        Returns:
            The matching, which raises a FileNotFoundError when the annotation is missing and a
            ValueError when its size differs.

        Raises:
            ValueError: When the model predicts no instances, or a class is not of Cityscapes.
        """
        labels, scores, masks = read_instances(sample, type(self).__name__)
        classes = self.dataset_meta['classes']
        unknown = [name for name in classes if name not in self._labels]
        if unknown:
            raise ValueError(f'Cityscapes has no classes {unknown}')
        ids = [self._labels[classes[label]].id for label in labels]
        stem = Path(sample['img_path']).stem.removesuffix(IMAGE_SUFFIX)
        return partial(self._examine, stem, ids, scores, masks)

    def average(self, outcomes: dict[Any, tuple[list[str], dict]]) -> dict[str, float]:
        """Average over the classes, and complete what is written.

        Args:
            outcomes: Names of the files written and matches of each image.

        Returns:
            ``mAP`` and ``AP@50`` as fractions; nothing with ``format_only``.
        """
        if self.export is not None:
            self.export.publish([name for names, _ in outcomes.values() for name in names])
            print_log(f'predictions are in {self.export.path}/', logger='current')
        if self.gt_folder is None:
            return {}
        matches = {key: found for _, match in outcomes.values() for key, found in match.items()}
        scores = self._scripts.evaluateMatches(matches, self._args)
        averages = self._scripts.computeAverages(scores, self._args)
        if self.classwise:
            rows = [
                (name, f'{values["ap"]:.3f}', f'{values["ap50%"]:.3f}')
                for name, values in averages['classes'].items()
            ]
            print_log(
                '\n' + AsciiTable([('class', 'AP', 'AP@50'), *rows]).table,
                logger=MMLogger.get_current_instance(),
            )
        return {'mAP': float(averages['allAp']), 'AP@50': float(averages['allAp50%'])}

    def _examine(
        self, stem: str, ids: list[int], scores: list[float], masks: NDArray[np.bool_]
    ) -> tuple[list[str], dict]:
        if self.export is not None:
            folder = self.export.file('')
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
        if not gt_file.is_file():
            raise FileNotFoundError(f'annotation {gt_file} of image {stem} does not exist')
        annotated = cv2.imread(str(gt_file), cv2.IMREAD_UNCHANGED)
        if annotated is None or annotated.shape != size:
            found = 'cannot be read' if annotated is None else f'has size {annotated.shape}'
            raise ValueError(f'annotation {gt_file} {found}, but the prediction has size {size}')
        args = copy.copy(self._args)
        args.predictionPath = str(folder.resolve())
        text_file = str(folder.resolve() / f'{stem}_pred.txt')
        instances = self._scripts.instances2dict([str(gt_file)])
        return self._scripts.matchGtWithPreds([text_file], [str(gt_file)], instances, args)


def write_instances(
    folder: Path, stem: str, ids: list[int], scores: list[float], masks: NDArray[np.bool_]
) -> list[str]:
    """Write the instances of one image as cityscapesScripts reads them.

    Args:
        folder: Where to.
        stem: Name of the image: city, sequence and frame.
        ids: Label id of each instance.
        scores: Its score.
        masks: Its mask, ``(n, H, W)``.

    Returns:
        Names of the files: a PNG per instance that has a pixel, and the text file that lists them.
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
