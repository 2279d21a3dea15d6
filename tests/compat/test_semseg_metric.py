"""mmdet's metric refuses labels that are no class."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import pytest
import torch
from mmdet.evaluation import SemSegMetric


@pytest.mark.parametrize(
    ('pred', 'label', 'message'),
    [
        (0, 255, None),
        (0, 2, 'the annotation of image a.jpg holds the label 2, but the 2 classes count from 0'),
        (2, 0, 'the prediction of image a.jpg holds the label 2'),
    ],
)
def test_unknown_labels_are_refused(pred, label, message):
    metric = SemSegMetric()
    metric.dataset_meta = dict(classes=('a', 'b'))
    maps = (dict(sem_seg=torch.full((1, 3, 3), value)) for value in (pred, label))
    sample = dict(zip(('pred_sem_seg', 'gt_sem_seg'), maps, strict=True), img_path='a.jpg')
    if message is None:
        metric.process({}, [sample])
        return
    with pytest.raises(ValueError, match=message):
        metric.process({}, [sample])
