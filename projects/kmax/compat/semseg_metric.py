"""mmdet's ``SemSegMetric`` drops labels that are no class, and cannot write predictions.

Annotations that count from 1, or a class too many, give figures of the rest without a word. What is
written is a PIL image, which it hands to OpenCV, and has 8 bits, in which labels above 255 become
others.

Upstream: https://github.com/open-mmlab/mmdetection
(``mmdet/evaluation/metrics/semseg_metric.py``, in ``process``).
Delete when ``SemSegMetric`` refuses labels that are no class, and with ``output_dir`` writes PNGs.
"""

import importlib
from functools import wraps
from typing import Any

import numpy as np


def write_any_image(module: Any) -> None:
    """Let the metric's module, and nobody else, write PIL images."""
    imwrite = module.imwrite

    @wraps(imwrite)
    def imwrite_any(image: Any, *args: Any, **kwargs: Any) -> bool:
        return imwrite(np.asarray(image), *args, **kwargs)

    module.imwrite = imwrite_any


def refuse_unknown_labels(metric_class: Any) -> None:
    """Let a metric refuse maps with labels that are no class."""
    process = metric_class.process
    # It needs mmdet, which this package lets import.
    void = importlib.import_module('..void', __package__)

    @wraps(process)
    def process_known(self: Any, data_batch: Any, data_samples: Any) -> None:
        count = len(self.dataset_meta['classes'])
        for sample in data_samples:
            pred = sample['pred_sem_seg']
            _check(pred['sem_seg'], 'prediction', sample, count, None)
            if self.output_dir is not None and count > 256:
                raise ValueError(
                    f'SemSegMetric writes labels of 8 bits, but there are {count} classes: leave '
                    'out output_dir'
                )
            if not self.format_only and 'gt_sem_seg' in sample:
                ignored = pred.get('ignore_index', void.IGNORED_LABEL)
                _check(sample['gt_sem_seg']['sem_seg'], 'annotation', sample, count, ignored)
        process(self, data_batch, data_samples)

    metric_class.process = process_known


def _check(labels: Any, kind: str, sample: Any, count: int, ignored: int | None) -> None:
    unknown = (labels < 0) | (labels >= count)
    if ignored is not None:
        unknown &= labels != ignored
    if unknown.any():
        raise ValueError(
            f'SemSegMetric: the {kind} of image {sample.get("img_path")} holds the label '
            f'{labels[unknown][0].item()}, but the {count} classes count from 0'
        )


def apply() -> None:
    """Wrap the writer and the method."""
    module: Any = importlib.import_module('mmdet.evaluation.metrics.semseg_metric')
    write_any_image(module)
    refuse_unknown_labels(module.SemSegMetric)
