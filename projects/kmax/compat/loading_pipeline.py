"""mmdet's ``analyze_results.py`` cannot draw panoptic segments, and names a wrong cause.

It looks for mmdet's own loaders of annotations, and says that the pipeline must load some; and
where it does, it sets a list as a map of segments, which mmengine refuses, for any data set.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/datasets/utils.py``,
``tools/analysis_tools/analyze_results.py``).
Delete when the tool draws panoptic results.
"""

import importlib
from functools import wraps
from typing import Any

from .rebind import rebind

LOADER = 'LoadPanopticIds'


def apply() -> None:
    """Wrap the function that only this tool calls."""
    get_loading_pipeline = importlib.import_module('mmdet.datasets').get_loading_pipeline

    @wraps(get_loading_pipeline)
    def get_loading_pipeline_or_say(pipeline: Any) -> list:
        if any(str(step.get('type')).rpartition('.')[2] == LOADER for step in pipeline):
            raise ValueError(
                "mmdet's analyze_results.py cannot draw panoptic segments, of any data set: see "
                'predictions beside the ground truth by kmax-deeplab draw (tools/draw_results.py), '
                'or all of them by kmax-deeplab test --show-dir'
            )
        return get_loading_pipeline(pipeline)

    rebind('mmdet', 'get_loading_pipeline', get_loading_pipeline, get_loading_pipeline_or_say)
