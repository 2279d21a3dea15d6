"""mIoU from panoptic annotations against mmsegmentation's results."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from projects.kmax.panoptic_format import write_panoptic_png
from projects.kmax.void import IGNORED_LABEL

KIND = 'KMaXSemanticMetric'


def write(folder, label_maps, classes, crowd=()):
    """Write label maps as panoptic annotations, a segment per class."""
    annotations = []
    for number, (name, labels) in enumerate(label_maps.items()):
        ids = np.where(labels == IGNORED_LABEL, 0, labels.astype(np.int64) + 1)
        write_panoptic_png(folder / 'gt' / name, ids)
        segments = [
            dict(
                id=value, category_id=value, area=int((ids == value).sum()), iscrowd=value in crowd
            )
            for value in np.unique(ids).tolist()
            if value
        ]
        annotations.append(dict(image_id=number, file_name=name, segments_info=segments))
    categories = [dict(id=i, name=name, isthing=0) for i, name in enumerate(classes, 1)]
    content = dict(annotations=annotations, categories=categories)
    (folder / 'gt.json').write_text(json.dumps(content))
    return dict(ann_file=str(folder / 'gt.json'), seg_prefix=str(folder / 'gt'))


def sample(number, labels):
    return dict(img_id=number, pred_sem_seg=dict(sem_seg=torch.from_numpy(labels)[None]))


def test_equals_mmseg(oracle, evaluate, tmp_path):
    folder = oracle('semantic/camvid20')
    expected = json.loads((folder / 'expected.json').read_text())
    classes = [f'class{label}' for label in range(expected['num_classes'])]
    names = sorted(path.name for path in (folder / 'gt').iterdir())
    gt = {name: np.array(Image.open(folder / 'gt' / name)) for name in names}
    samples = [
        sample(number, np.array(Image.open(folder / 'pred' / name)))
        for number, name in enumerate(names)
    ]
    made = evaluate(KIND, classes, samples, classwise=True, **write(tmp_path, gt, classes))
    for name in ('mIoU', 'mAcc', 'aAcc'):
        assert made[f'semantic/{name}'] == pytest.approx(100 * expected[name], rel=0, abs=1e-10)


def test_crowd_is_ignored(evaluate, tmp_path):
    labels = np.array([[0, 0, 1, 1]], np.uint8)
    truth = write(tmp_path, {'a.png': labels}, 'ab', crowd=[2])
    made = evaluate(KIND, 'ab', [sample(0, np.zeros((1, 4), np.int64))], **truth)
    assert made['semantic/mIoU'] == made['semantic/aAcc'] == 100


def test_no_semantic_predictions(evaluate, tmp_path):
    truth = write(tmp_path, {'a.png': np.zeros((2, 2), np.uint8)}, 'ab')
    with pytest.raises(ValueError, match=r'KMaXSemanticMetric needs .*test_cfg.semantic_on=True'):
        evaluate(KIND, 'ab', [dict(img_id=0)], **truth)
