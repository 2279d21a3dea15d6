"""mmdet's inferencer writes class 0 as void, and says nothing of the segments it writes.

``DetInferencer`` writes the id ``label + 1000 * instance`` of a segment, and 0 for void; stuff has
instance 0, so that class 0 of a model without things is void in what it writes. Which ids a PNG
holds, of what classes and with what scores, is written nowhere; and the prediction itself is
changed.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/apis/det_inferencer.py``).
Delete when ``pred2dict`` tells class 0 from void and describes the segments.
"""

import importlib
import json
from functools import wraps
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import write_atomically

PNG_SUFFIX = '_panoptic_seg.png'


def describe_predictions(inferencer_class: Any) -> None:
    """Let an inferencer tell class 0 from void and add ``segments_info`` to what it writes."""
    pred2dict = inferencer_class.pred2dict

    @wraps(pred2dict)
    def pred2dict_with_segments(self: Any, data_sample: Any, *args: Any, **kwargs: Any) -> Any:
        pixels = data_sample.get('pred_panoptic_seg')
        if pixels is None:
            return pred2dict(self, data_sample, *args, **kwargs)
        # Needs mmdet, which may not be imported together with this module.
        from ..evaluation.described_segments import describe_segments, distinct_ids

        data_sample, pixels = data_sample.new(), pixels.new()
        pixels.sem_seg = distinct_ids(pixels.sem_seg)
        data_sample.pred_panoptic_seg = pixels
        # Before it is written: what writes it sets void to 0 in place.
        segments = describe_segments(pixels, self.model.dataset_meta['classes'])
        result = pred2dict(self, data_sample, *args, **kwargs)
        result['segments_info'] = segments
        if (png := result.get('panoptic_seg_path', '')).endswith(PNG_SUFFIX):
            path = Path(png.removesuffix(PNG_SUFFIX) + '.json')
            write_atomically(path, json.dumps(result).encode())
        return result

    inferencer_class.pred2dict = pred2dict_with_segments


def apply() -> None:
    """Wrap the function concerned."""
    describe_predictions(importlib.import_module('mmdet.apis').DetInferencer)
