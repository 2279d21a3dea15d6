"""Label maps against panoptic JSON: where the two panoptic qualities differ, counted by hand."""

import numpy as np
import pytest
import torch
from panoptic_files import write_truth

CLASSES = ('cat', 'dog', 'sky')
CAT, DOG, SKY = 0, 1, 2
VOID = len(CLASSES)


def columns(*parts):
    """Return a map ``(10, 10)`` from pairs of value and number of columns."""
    return np.repeat([value for value, _ in parts], [10 * count for _, count in parts]).reshape(
        10, 10, order='F'
    )


def segment(number, label, area, iscrowd=0):
    return dict(id=number, category_id=label + 1, area=area, iscrowd=iscrowd)


# Ids, segments, what is predicted, and PQ of the official and of the pipeline's metric.
CASES = {
    # The cat is a false positive; where crowd is void it does not count.
    'crowd_of_another_class': (
        columns((5, 5), (6, 5)),
        [segment(5, DOG, 50, iscrowd=1), segment(6, SKY, 50)],
        columns((CAT + 1000, 5), (SKY, 5)),
        ((100 + 0) / 2, 100),
    ),
    # 40 of 70 pixels are right; where crowd is void, 40 of 40.
    'crowd_in_the_union': (
        columns((5, 4), (6, 3), (0, 3)),
        [segment(5, CAT, 40), segment(6, DOG, 30, iscrowd=1)],
        columns((CAT + 1000, 7), (VOID, 3)),
        (100 * 40 / 70, 100),
    ),
    # One of two segments is found by 70 of 100 pixels; a label map has one segment.
    'stuff_in_two_segments': (
        columns((5, 3), (6, 7)),
        [segment(5, SKY, 30), segment(6, SKY, 70)],
        columns((SKY, 10)),
        (100 * 0.7 / 1.5, 100),
    ),
    'things_stay_apart': (
        columns((5, 3), (6, 7)),
        [segment(5, CAT, 30), segment(6, CAT, 70)],
        columns((CAT + 1000, 10)),
        (100 * 0.7 / 1.5, 100 * 0.7 / 1.5),
    ),
    'area_of_the_json_is_wrong': (
        columns((5, 5), (0, 5)),
        [segment(5, CAT, 80)],
        columns((CAT + 1000, 5), (VOID, 5)),
        (100 * 50 / 80, 100),
    ),
    'id_not_in_the_json': (
        columns((99, 5), (6, 5)),
        [segment(6, SKY, 50)],
        columns((CAT + 1000, 5), (SKY, 5)),
        ((100 + 0) / 2, 100),
    ),
    'segment_without_a_pixel': (
        columns((5, 10)),
        [segment(5, SKY, 100), segment(6, CAT, 10)],
        columns((SKY, 10)),
        ((100 + 0) / 2, 100),
    ),
}


@pytest.mark.parametrize('name', CASES)
@pytest.mark.filterwarnings('ignore:panoptic quality of')
def test_quality(evaluate, name, tmp_path):
    gt_ids, segments, pred, (official, pipeline) = CASES[name]
    categories = [
        dict(id=label + 1, name=name, isthing=int(label < SKY))
        for label, name in enumerate(CLASSES)
    ]
    annotation = dict(image_id=1, file_name='a.png', segments_info=segments)
    truth = write_truth(tmp_path, categories, [annotation], [gt_ids])
    sample = dict(img_id=1, pred_panoptic_seg=dict(sem_seg=torch.from_numpy(pred)[None]))
    for kind, prefix, expected in (
        ('KMaXPanopticMetric', 'coco_panoptic', official),
        ('KMaXPipelinePanopticMetric', 'pipeline_panoptic', pipeline),
    ):
        figures = evaluate(kind, CLASSES, [sample], **truth)
        assert figures[f'{prefix}/PQ'] == pytest.approx(expected, abs=1e-12)
