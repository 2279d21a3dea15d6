"""mmdet's ``SemSegMetric`` cannot write predictions: it hands a PIL image to OpenCV.

Upstream: https://github.com/open-mmlab/mmdetection
(``mmdet/evaluation/metrics/semseg_metric.py``, in ``process``).
Delete when ``SemSegMetric(output_dir=...)`` writes a PNG.
"""

import importlib
from functools import wraps
from typing import Any

import numpy as np


def apply() -> None:
    """Let the metric's module, and nobody else, write PIL images."""
    module: Any = importlib.import_module('mmdet.evaluation.metrics.semseg_metric')
    imwrite = module.imwrite

    @wraps(imwrite)
    def write_any_image(image: Any, *args: Any, **kwargs: Any) -> bool:
        return imwrite(np.asarray(image), *args, **kwargs)

    module.imwrite = write_any_image
