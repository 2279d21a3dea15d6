"""Both packages that compute AP, and what tests of metrics share."""

import pytest
from metric_fixtures import evaluate, in_a_group, random_set  # noqa: F401
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from projects.kmax.evaluation import instance


@pytest.fixture(params=['pycocotools', 'faster-coco-eval'])
def evaluated_by(request, monkeypatch):
    """Have AP computed by one package and the other; the second one is optional."""
    classes = dict(COCO=COCO, COCOeval=COCOeval)
    if request.param == 'faster-coco-eval':
        reason = 'the extra "fast" is not installed'
        package = pytest.importorskip('faster_coco_eval', reason=reason)
        classes = dict(COCO=package.COCO, COCOeval=package.COCOeval_faster)
    for name, value in classes.items():
        monkeypatch.setattr(instance, name, value)
