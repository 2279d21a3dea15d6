"""Mean intersection over union of label maps on disk."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kmax_deeplab.local_files import check_image

from ..void import IGNORED_LABEL


def mean_iou(
    gt_folder: str | Path,
    pred_folder: str | Path,
    num_classes: int,
    ignore_index: int = IGNORED_LABEL,
) -> dict[str, float | list[float]]:
    """Compare label maps by mmsegmentation's definitions.

    Args:
        gt_folder: PNGs whose grey values are labels.
        pred_folder: Predictions of the same names.
        num_classes: Number of classes.
        ignore_index: Label of annotated pixels that do not count.

    Returns:
        ``aAcc`` (pixel accuracy), the class means ``mIoU``, ``mAcc`` and ``mDice``, and ``IoU`` and
        ``Acc`` per class, NaN for classes that do not occur; all as fractions.

    Raises:
        FileNotFoundError: When there is no annotation, or an annotation has no prediction.
        ValueError: When a file is no label map, sizes differ, or a label is neither a class nor
            ``ignore_index``.
    """
    gt_files = sorted(Path(gt_folder).glob('*.png'))
    if not gt_files:
        raise FileNotFoundError(f'folder {gt_folder} holds no PNG')
    if num_classes < 1:
        raise ValueError(f'num_classes={num_classes} must be at least 1')
    areas = np.zeros((3, num_classes), np.int64)
    for path in gt_files:
        pred_file = Path(pred_folder) / path.name
        gt, pred = _read_labels(path), _read_labels(pred_file)
        if gt.shape != pred.shape:
            raise ValueError(
                f'prediction {pred_file} has size {pred.shape}, but annotation {path} has '
                f'{gt.shape}'
            )
        for file, labels in ((path, gt), (pred_file, pred)):
            _check_labels(labels, file, num_classes, ignore_index)
        areas += _areas(gt, pred, num_classes, ignore_index)
    return summarise_areas(areas)


def summarise_areas(areas: NDArray[np.int64]) -> dict[str, float | list[float]]:
    """Average pixels per class ``(3, K)``, in both maps, predicted and annotated, over classes."""
    intersection, predicted, annotated = areas
    with np.errstate(divide='ignore', invalid='ignore'):
        iou = intersection / (predicted + annotated - intersection)
        accuracy = intersection / annotated
        dice = 2 * intersection / (predicted + annotated)
        overall = intersection.sum() / annotated.sum()
    return dict(
        aAcc=float(overall),
        mIoU=float(np.nanmean(iou)),
        mAcc=float(np.nanmean(accuracy)),
        mDice=float(np.nanmean(dice)),
        IoU=iou.tolist(),
        Acc=accuracy.tolist(),
    )


def _areas(
    gt: NDArray[np.integer], pred: NDArray[np.integer], num_classes: int, ignore_index: int
) -> NDArray[np.int64]:
    """Pixels per class ``(3, K)``: in both maps, predicted, annotated."""
    valid = gt != ignore_index
    gt, pred = gt[valid], pred[valid]
    return np.stack(
        [
            np.bincount(labels, minlength=num_classes)[:num_classes]
            for labels in (pred[pred == gt], pred, gt)
        ]
    )


def _check_labels(
    labels: NDArray[np.integer], path: Path, num_classes: int, ignore_index: int
) -> None:
    unknown = labels[((labels < 0) | (labels >= num_classes)) & (labels != ignore_index)]
    if unknown.size:
        raise ValueError(
            f'label map {path} holds the label {unknown[0]}, but num_classes={num_classes}: labels '
            f'count from 0, and only ignore_index={ignore_index} may be above'
        )


def _read_labels(path: Path) -> NDArray:
    try:
        check_image(path)
        with Image.open(path) as image:
            labels = np.asarray(image)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'label map {path} does not exist') from error
    except OSError as error:
        raise ValueError(f'label map {path} cannot be read: {error}') from error
    if labels.ndim == 2 and labels.dtype.kind not in 'iu':
        raise ValueError(f'label map {path} must hold whole numbers, but holds {labels.dtype}')
    if labels.ndim != 2:
        raise ValueError(f'label map {path} must have one channel, but has shape {labels.shape}')
    return labels
