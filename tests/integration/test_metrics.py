"""mmdet's own metrics and visualizer on this model's predictions."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.visualization import DetLocalVisualizer
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

SKY, BOX = 2, 0
SIZE = (70, 90)


def write_annotations(folder, out):
    """Write panoptic.json, and its boxes as COCO instances to instances.json."""
    content = json.loads((folder / 'panoptic.json').read_text())
    # CocoPanopticMetric takes the n-th category of the file for the n-th class.
    content['categories'].sort(key=lambda category: -category['isthing'])
    (out / 'panoptic.json').write_text(json.dumps(content))
    content['categories'] = [c for c in content['categories'] if c['isthing']]
    corners = [20, 30, 60, 30, 60, 50, 20, 50]
    box = dict(category_id=2, iscrowd=0, area=800, bbox=[20, 30, 40, 20], segmentation=[corners])
    numbers = [image['id'] for image in content['images']]
    content['annotations'] = [dict(box, id=number, image_id=number) for number in numbers]
    (out / 'instances.json').write_text(json.dumps(content))


@pytest.fixture
def predicted(folder):
    """Return a function that predicts sky and a box of given columns in every image."""
    init_default_scope('mmdet')
    config = Config.fromfile(str(folder / 'config.py'))
    config.model.test_cfg.update(semantic_on=True, instance_on=True)
    config.model.test_cfg.update(thing_area_limit=0, stuff_area_limit=0)
    dataset_cfg = config.test_dataloader.dataset
    dataset_cfg.pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')]
    dataset_cfg.pipeline.append(dict(type='PackKMaXInputs', with_sem_seg=True))
    dataset = DATASETS.build(dataset_cfg)
    model = MODELS.build(config.model)

    def predict(columns):
        masks = torch.full((1, 3, *SIZE), -9.0)
        box = torch.zeros(SIZE, dtype=torch.bool)
        box[30:50, columns] = True
        masks[0, 0, ~box] = 9
        masks[0, 1, box] = 9
        masks[:, :, :10] = 0  # as likely each: void
        classes = torch.full((1, 3, 4), -9.0)
        classes[0, [0, 1, 2], [SKY, BOX, 3]] = 9
        samples = [dataset[i]['data_samples'] for i in range(len(dataset))]
        for sample in samples:
            results = model.panoptic_fusion_head.predict(classes, masks, [sample], rescale=True)
            model.add_pred_to_datasample([sample], results)
        return dataset.metainfo, samples

    return predict


@pytest.fixture
def evaluate(folder, tmp_path):
    """Return a function that evaluates predictions with mmdet's metrics and ours."""
    write_annotations(folder, tmp_path)
    panoptic = dict(ann_file=str(tmp_path / 'panoptic.json'), seg_prefix=str(folder / 'panoptic'))
    metrics = [
        dict(type='CocoPanopticMetric', **panoptic, prefix='mmdet'),
        dict(type='KMaXPanopticMetric', **panoptic, prefix='ours'),
        dict(type='CocoMetric', ann_file=str(tmp_path / 'instances.json'), metric='segm'),
        dict(type='SemSegMetric', iou_metrics=['mIoU']),
    ]

    def run(metainfo, samples):
        evaluator = Evaluator(metrics)
        evaluator.dataset_meta = metainfo
        evaluator.process(samples)
        return evaluator.evaluate(len(samples))

    return run


def test_perfect_predictions(predicted, evaluate):
    results = evaluate(*predicted(slice(20, 60)))
    for name in ('PQ', 'SQ', 'RQ', 'PQ_th', 'PQ_st'):
        assert results[f'mmdet/{name}'] == results[f'ours/{name}'] == pytest.approx(100)
    assert results['coco/segm_mAP'] == pytest.approx(1)
    assert results['mIoU'] == pytest.approx(100)


def test_a_box_three_quarters_right(predicted, evaluate):
    results = evaluate(*predicted(slice(20, 50)))
    for name in ('PQ', 'SQ', 'RQ', 'PQ_th', 'PQ_st'):
        assert results[f'mmdet/{name}'] == pytest.approx(results[f'ours/{name}'])
    assert results['ours/PQ_th'] == pytest.approx(75)
    # IoU 0.75 counts at the thresholds 0.5, 0.55, ..., 0.75.
    assert results['coco/segm_mAP'] == pytest.approx(0.6)
    assert results['mIoU'] < 100


def test_mmdets_visualizer_draws(predicted, folder, tmp_path):
    metainfo, samples = predicted(slice(20, 60))
    visualizer = DetLocalVisualizer()
    visualizer.dataset_meta = metainfo
    image = np.zeros((*SIZE, 3), np.uint8)
    out_file = tmp_path / 'drawn.png'
    visualizer.add_datasample('x', image, samples[0], draw_gt=False, out_file=str(out_file))
    drawn = cv2.imread(str(out_file))
    assert drawn.shape[:2] == SIZE and drawn[40, 40].any()
