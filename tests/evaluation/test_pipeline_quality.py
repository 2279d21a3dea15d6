"""The pipeline's PQ against its formulae, and against panoptic JSON's where the two differ.

The original computes panoptic quality (arXiv 1801.00868, equation 1) of maps of a label and an
instance per pixel, in which crowd is void already, after it has removed small predictions: things
of fewer pixels than one limit, and stuff classes of fewer than another.
"""

import numpy as np
import pytest
import torch
from panoptic_files import write_truth

from projects.kmax.models.postprocess.maps import PostprocessConfig, large_enough

THINGS = 3
LIMITS = dict(thing_area_limit=4, stuff_area_limit=12)
MAX_INSTANCES = 1000


def annotated_maps(made, annotation):
    """Return label and instance of each pixel; crowd and what has no segment is ignored."""
    ids, ignored = made.gt_ids[annotation['image_id']], len(made.classes)
    labels, numbers = np.full(ids.shape, ignored), np.zeros(ids.shape, np.int64)
    for number, segment in enumerate(annotation['segments_info'], 1):
        if not segment['iscrowd']:
            label = made.category_of_label.index(segment['category_id'])
            labels[ids == segment['id']] = label
            numbers[ids == segment['id']] = number if label < THINGS else 0
    return labels, numbers


def without_small(labels, numbers, ignored):
    """Apply the rules of areas."""
    large = labels.copy()
    for label in range(THINGS):
        for number in np.unique(numbers[labels == label]):
            mask = (labels == label) & (numbers == number)
            if mask.sum() < LIMITS['thing_area_limit']:
                large[mask] = ignored
    for label in range(THINGS, ignored):
        if (labels == label).sum() < LIMITS['stuff_area_limit']:
            large[labels == label] = ignored
    return large, np.where(large == ignored, 0, numbers)


def add_image(truth, predicted, ignored, iou, tp, fp, fn):
    """Add the counts of one image to those per class."""
    truth, predicted = (labels * MAX_INSTANCES + numbers for labels, numbers in (truth, predicted))
    void = truth // MAX_INSTANCES == ignored
    matched = set()
    for one in np.unique(truth[~void]):
        label, found = one // MAX_INSTANCES, False
        for other in np.unique(predicted[predicted // MAX_INSTANCES == label]):
            both = ((truth == one) & (predicted == other)).sum()
            either = ((truth == one) | ((predicted == other) & ~void)).sum()
            if both / either > 0.5:
                found = True
                matched.add(other)
                iou[label] += both / either
        tp[label] += found
        fn[label] += not found
    for other in np.unique(predicted):
        label, mask = other // MAX_INSTANCES, predicted == other
        if label != ignored and other not in matched:
            fp[label] += (mask & void).sum() / mask.sum() <= 0.5


def quality(made, pairs):
    """Return PQ, SQ and RQ in percent of all classes that occur, of things and of stuff."""
    classes = len(made.classes)
    iou, tp, fp, fn = (np.zeros(classes) for _ in range(4))
    for truth, predicted in pairs:
        add_image(truth, predicted, classes, iou, tp, fp, fn)
    figures = {}
    groups = {'': range(classes), '_th': range(THINGS), '_st': range(THINGS, classes)}
    for kind, members in groups.items():
        occurring = [label for label in members if tp[label] + fp[label] + fn[label] > 0]
        sq = np.array([iou[label] / max(tp[label], 1) for label in occurring])
        rq = np.array([tp[c] / (tp[c] + fp[c] / 2 + fn[c] / 2) for c in occurring])
        for name, values in (('PQ', sq * rq), ('SQ', sq), ('RQ', rq)):
            figures[f'pipeline_panoptic/{name}{kind}'] = 100 * values.mean() if occurring else 0
    return figures


def filtered(panoptic, classes):
    """Return a panoptic map as the model gives it, without what is too small."""
    values, inverse, areas = np.unique(panoptic, return_inverse=True, return_counts=True)
    labels = values % 1000
    kept = np.zeros(len(values), bool)
    real = labels < classes
    config = PostprocessConfig(**LIMITS)
    kept[real] = large_enough(
        torch.from_numpy(areas[real]), torch.from_numpy(labels[real]), config, THINGS, classes
    ).numpy()
    return np.where(kept, values, classes)[inverse].reshape(panoptic.shape)


@pytest.mark.filterwarnings('ignore:panoptic quality of')
@pytest.mark.parametrize('seed', range(12))
def test_equals_the_formulae(random_set, evaluate, seed):
    made = random_set(seed)
    classes = len(made.classes)
    pairs, changed = [], False
    for annotation, sample in zip(made.annotations, made.samples, strict=True):
        panoptic = sample['pred_panoptic_seg']['sem_seg'][0].numpy()
        large = filtered(panoptic, classes)
        changed |= (large != panoptic).any()
        sample['pred_panoptic_seg']['sem_seg'] = torch.from_numpy(large)[None]
        plain = without_small(panoptic % 1000, panoptic // 1000, classes)
        pairs.append((annotated_maps(made, annotation), plain))
    figures = evaluate('KMaXPipelinePanopticMetric', made.classes, made.samples, **made.truth)
    expected = quality(made, pairs)
    assert changed and expected['pipeline_panoptic/PQ'] < 100
    assert figures.keys() == expected.keys()
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=0, abs=1e-10), name


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
def test_where_they_differ(evaluate, name, tmp_path):
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
