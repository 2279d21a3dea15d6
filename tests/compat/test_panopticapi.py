import pickle

import numpy as np
import pytest

from projects.kmax.compat import panopticapi


def test_colours_and_ids_invert_each_other():
    ids = np.array([[0, 255, 256], [65536, 300000, 256**3 - 1]])
    colours = panopticapi.id2rgb(ids)
    assert colours.dtype == np.uint8
    np.testing.assert_array_equal(panopticapi.rgb2id(colours), ids)
    assert panopticapi.id2rgb(300000) == colours[1, 1].tolist() == [224, 147, 4]
    assert panopticapi.rgb2id(colours[1, 1]) == 300000


def test_quality_averages_categories_that_occur():
    stat = panopticapi.PQStat()
    stat.pq_per_cat[1] += panopticapi.PQStatCat(iou=1.5, tp=2, fp=1, fn=1)
    stat.pq_per_cat[2] += panopticapi.PQStatCat(fn=3)
    categories = {key: dict(isthing=key < 3) for key in (1, 2, 3)}
    means, per_class = pickle.loads(pickle.dumps(stat)).pq_average(categories, isthing=None)
    assert means == pytest.approx(dict(pq=0.25, sq=0.375, rq=1 / 3, n=2))
    assert per_class[1] == pytest.approx(dict(pq=0.5, sq=0.75, rq=2 / 3))
    assert per_class[3] == dict(pq=0, sq=0, rq=0)
    assert stat.pq_average(categories, isthing=False)[0]['n'] == 0


def test_mmdet_uses_it():
    from mmdet.datasets.transforms import LoadPanopticAnnotations
    from mmdet.evaluation.metrics import coco_panoptic_metric

    assert coco_panoptic_metric.VOID == 0
    image = np.array([[[1, 2, 3]]], dtype=np.uint8)
    assert LoadPanopticAnnotations().rgb2id(image)[0, 0] == 1 + 2 * 256 + 3 * 256**2
