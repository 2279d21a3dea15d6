"""Evaluators and what they write: predictions, label maps, destinations, APIs."""

import json
import os
import shutil
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from annotation_kinds import drop, in_place_of
from kinds import Outcome, kind, kinds
from mmdet.registry import DATASETS, METRICS, TRANSFORMS
from mmengine.registry import init_default_scope
from panoptic_data import VAL, segment_of, write_json

from projects.kmax.evaluation import mask_ap, pq_compute
from projects.kmax.panoptic_format import write_panoptic_png

AREA = 'metrics'
CLASSES = ('car', 'person', 'road', 'sky')
PRED = 'pred.json'


def predict(place):
    """Make perfect predictions: ``pred.json`` and the folder ``pred``."""
    shutil.copy(place.path(VAL), place.path(PRED))
    shutil.copytree(place.path('data/panoptic_val'), place.path('pred'))


def change_prediction(place, change, message):
    predict(place)
    place.edit_json(PRED, change)
    with place.raises(ValueError, message):
        pq_compute(VAL, PRED, 'data/panoptic_val', 'pred')


def set_predicted(**values):
    return lambda content: segment_of(content).update(values)


kinds(
    AREA,
    [
        ('an image without a prediction', drop('annotations', 1), r'image 2 \(2\.png\) '),
        ('two predictions of an image', lambda c: c['annotations'].append(c['annotations'][0]),
         r'image 1 of pred\.json has two annotations'),
        ('a predicted category that is none', set_predicted(category_id=99), 'unknown category 99'),
        ('a predicted id of void', set_predicted(id=0), 'must have an id between 1'),
        ('a predicted id without pixels', set_predicted(id=44), 'holds id 300|no pixel of id 44'),
        ('two predicted segments of one id', set_predicted(id=5), 'shares its id with another'),
        ('a predicted segment that is null', lambda c: c['annotations'][0].update(
            segments_info=[None]), 'must be an object, but is null'),
        ('a prediction without a name', drop('annotations', 0, 'file_name'),
         r"lacks \['file_name'\]"),
        ('predictions that are a list', lambda c: c['annotations'], 'must hold an object'),
        ('predictions without annotations', lambda c: dict(images=[]), "lacks the fields .'annot"),
    ],
    change_prediction,
)  # fmt: skip


def change_predicted_png(place, change, message):
    predict(place)
    change(place.path('pred/1.png'))
    with place.raises((ValueError, FileNotFoundError), message):
        pq_compute(VAL, PRED, 'data/panoptic_val', 'pred')


kinds(
    AREA,
    [
        ('no predicted PNG', os.unlink, r'pred/1\.png of image 1 does not exist'),
        ('a predicted PNG that is a pipe', in_place_of(os.mkfifo), r'pred/1\.png is a named pipe'),
        ('a predicted PNG of another size', lambda path: write_panoptic_png(
            path, np.full((9, 9), 5)), r'prediction pred/1\.png has size \(9, 9\)'),
        ('a predicted PNG of other ids', lambda path: write_panoptic_png(
            path, np.full((48, 64), 8)), r'pred/1\.png holds id 8, which is not among'),
        ('a predicted PNG of labels', lambda path: cv2.imwrite(
            str(path), np.zeros((48, 64), np.uint8)), 'must have three channels of 8 bits'),
    ],
    change_predicted_png,
)  # fmt: skip


def doubtful(place, change, message):
    """The figures are panopticapi's, with a warning."""
    predict(place)
    place.edit_json(VAL, change)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        pq_compute(VAL, PRED, 'data/panoptic_val', 'pred')
    told = [str(warning.message) for warning in caught]
    if not any(message in text for text in told):
        raise Outcome('silent', f'{message}: {told}')


kinds(
    AREA,
    [
        ('an annotated area that is too large', set_predicted(area=3000), 'has area 3000, but'),
        ('an annotated area of 0', set_predicted(area=0), 'has area 0, but 1280 pixels'),
        ('an annotated id without pixels', set_predicted(id=44), 'no pixel of id 44'),
        ('pixels without an annotation', drop('annotations', 0, 'segments_info', 2),
         'holds id 5, which is not among'),
    ],
    doubtful,
)  # fmt: skip


# What metrics are given while testing.
def sample(img_id=1, panoptic=None, semantic=None, **more):
    found = dict(img_id=img_id, img_path=f'data/val/{img_id}.png', **more)
    if panoptic is not None:
        found['pred_panoptic_seg'] = dict(sem_seg=torch.as_tensor(panoptic)[None])
    if semantic is not None:
        found['pred_sem_seg'] = dict(sem_seg=torch.as_tensor(semantic)[None])
    return found


def evaluate(kind_of_metric, *samples, classes=CLASSES, **options):
    init_default_scope('mmdet')
    if kind_of_metric.startswith('KMaX') and 'gt_folder' not in options:
        options = dict(ann_file=VAL, seg_prefix='data/panoptic_val/') | options
    metric = METRICS.build(dict(type=kind_of_metric, **options))
    metric.dataset_meta = dict(classes=classes)
    for given in samples:
        metric.process({}, [given])
    return metric.evaluate(len(samples))


def instances(scores=(0.5,), labels=(0,), shape=(48, 64)):
    masks = torch.zeros(len(scores), *shape, dtype=torch.bool)
    masks[:, :9, :9] = True
    parts = dict(scores=torch.tensor(scores), labels=torch.tensor(labels), masks=masks)
    return sample(pred_instances=parts)


MAP = np.zeros((48, 64), np.int64)
PQ, MIOU, AP, SEMSEG = (
    'KMaXPanopticMetric', 'KMaXSemanticMetric', 'KMaXInstanceMetric', 'SemSegMetric',
)  # fmt: skip


def with_truth(labels, **more):
    return sample(semantic=MAP, gt_sem_seg=dict(sem_seg=torch.as_tensor(labels)[None]), **more)


def wrong_sample(place, metric, given, message, options=None):
    with place.raises((ValueError, RuntimeError), message):
        evaluate(metric, given, **(options or {}))


kinds(
    AREA,
    [
        ('a prediction of another size', PQ, sample(panoptic=MAP[:9]), r'the prediction has size'),
        ('a prediction of an unknown image', PQ, sample(7, MAP), 'image 7 has no annotation'),
        ('a panoptic label that is no class', PQ, sample(panoptic=MAP + 70), 'the label 70'),
        ('classes that the JSON lacks', PQ, sample(panoptic=MAP), "classes .'tree'. are not",
         dict(classes=('car', 'tree'))),
        ('no semantic prediction', MIOU, sample(), 'set model.test_cfg.semantic_on=True'),
        ('a semantic label that is no class', MIOU, sample(semantic=MAP + 4), 'holds the label 4'),
        ('a semantic prediction of another size', MIOU, sample(semantic=MAP[:9]), 'has size'),
        ('no instances', AP, sample(), 'set model.test_cfg.instance_on=True'),
        ('a score that is NaN', AP, instances([float('nan')]), 'a score of image 1 is not finite'),
        ('an instance that is no class', AP, instances(labels=[9]), 'the label 9'),
        ('masks of another size', AP, instances(shape=(20, 20)), 'the prediction has size'),
        ('labels that count from 1', SEMSEG, with_truth(MAP + 4), 'the annotation of image data/val'
         '/1.png holds the label 4, but the 4 classes count from 0'),
        ('a predicted label too many', SEMSEG, sample(semantic=MAP + 4), 'the prediction of image'),
        ('more labels than 8 bits can write', SEMSEG, sample(semantic=MAP), 'labels of 8 bits, but',
         dict(format_only=True, output_dir='maps', classes=[f'class {n}' for n in range(300)])),
    ],
    wrong_sample,
)  # fmt: skip


def wrong_option(place, metric, options, message):
    with place.raises((ValueError, FileNotFoundError, OSError), message):
        evaluate(metric, **options)


kinds(
    AREA,
    [
        ('an evaluator without the JSON', PQ, dict(ann_file='none.json'), 'does not exist'),
        ('an evaluator without the PNGs', PQ, dict(seg_prefix='none/'), 'none is not a folder'),
        ('an evaluator with the wrong folder', PQ, dict(seg_prefix='data/val_old'), 'not a folder'),
        ('an evaluator with a folder without PNGs', PQ, dict(seg_prefix='data'), 'holds no PNG of'),
        ('an evaluator with a file as folder', AP, dict(seg_prefix='config.py'), 'not a folder'),
        ('an evaluator without any folder', MIOU, dict(seg_prefix=None), 'must be given'),
        ('nowhere to write', PQ, dict(format_only=True), 'needs outfile_prefix'),
        ('cities that are missing', 'KMaXCityscapesInstanceMetric', dict(gt_folder='gtFine/val'),
         'gt_folder of KMaXCityscapesInstanceMetric: gtFine/val is not a folder'),
    ],
    wrong_option,
)  # fmt: skip


@kind(AREA, 'class 0 of a model of stuff alone is written')
def class_0(place):
    stuff = [dict(id=3, name='road', isthing=0), dict(id=4, name='sky', isthing=0)]
    place.edit_json(VAL, lambda c: c.update(categories=stuff, annotations=[]))
    options = dict(classes=('road', 'sky'), format_only=True, outfile_prefix='out/result')
    evaluate(PQ, sample(panoptic=MAP), **options)
    (entry,) = json.loads(Path('out/result.panoptic.json').read_text())['annotations']
    assert [s['category_id'] for s in entry['segments_info']] == [3], entry
    png = cv2.imread('out/result.panoptic/1.png')
    assert (png[..., 2] == entry['segments_info'][0]['id']).all() and png.any()


def gt_of_city(place, make, message):
    folder = place.path('gtFine/val/ulm')
    folder.mkdir(parents=True)
    make(folder / 'ulm_000000_000019_gtFine_instanceIds.png')
    given = {**instances(), 'img_path': 'val/ulm/ulm_000000_000019_leftImg8bit.png'}
    with place.raises((ValueError, OSError), message):
        evaluate('KMaXCityscapesInstanceMetric', given, gt_folder='gtFine/val')


def small_map(path):
    cv2.imwrite(str(path), np.zeros((9, 9), np.uint16))


kinds(
    AREA,
    [
        (
            'an annotation of a city that is missing',
            lambda path: None,
            '19_gtFine_.* does not exis',
        ),
        ('an annotation of a city that is empty', lambda path: path.touch(), 'is truncated or not'),
        ('an annotation of a city that is a pipe', os.mkfifo, 'is a named pipe, not a file'),
        ('an annotation of a city of another size', small_map, r'has size \(9, 9\)'),
    ],
    gt_of_city,
)


@kind(AREA, 'classes that Cityscapes has not')
def foreign_classes(place):
    place.path('gtFine/val').mkdir(parents=True)
    options = dict(gt_folder='gtFine/val', classes=('zebra', 'car'))
    with place.raises(ValueError, "Cityscapes has no classes .'zebra'"):
        evaluate('KMaXCityscapesInstanceMetric', instances(), **options)


# Files of other tasks.
def wrong_results(place, change, message):
    gt = dict(images=[dict(id=1, height=9, width=9)], categories=[dict(id=1)], annotations=[])
    results = [dict(image_id=1, category_id=1, score=0.5,
                    segmentation=dict(size=[9, 9], counts='036000f1'))]  # fmt: skip
    change(gt, results)
    write_json(place, 'gt.json', gt)
    write_json(place, PRED, results)
    with place.raises(ValueError, message):
        mask_ap('gt.json', PRED)


def set_result(**values):
    return lambda gt, results: results[0].update(values)


def set_mask(size, counts):
    return set_result(segmentation=dict(size=size, counts=counts))


kinds(
    AREA,
    [
        ('a mask of another size', set_mask([8, 9], '036000f1'), 'size'),
        ('a mask of more pixels', set_mask([9, 9], 'T9'), 'counts'),
        ('a mask of terabytes', set_mask([10**6, 10**7], '0'), 'but its image'),
        ('a score that is text', set_result(score='high'), 'has "score": "high"'),
        ('results of an unknown image', set_result(image_id=5), 'unknown to gt.json|image'),
        ('results of an unknown category', set_result(category_id=5), 'unknown to gt.json'),
        ('instances without images', lambda gt, results: gt.pop('images'), 'must hold an object'),
        ('two images of one id among instances', lambda gt, results: gt['images'].append(
            gt['images'][0]), 'several images with the id 1'),
    ],
    wrong_results,
)  # fmt: skip


# Transforms outside of our data sets.
@kind(AREA, 'our transforms on a data set of another kind')
def foreign_records(place):
    load = TRANSFORMS.build(dict(type='LoadPanopticIds'))
    record = dict(img_id=1, img_path='data/val/1.png', ori_shape=(48, 64))
    with place.raises((ValueError, KeyError), 'LoadPanopticIds.*segment_ids'):
        load({**record, 'seg_map_path': 'data/panoptic_val/1.png'})
    paste = TRANSFORMS.build(dict(type='KMaXPanopticCopyPaste', source_pipeline=[]))
    with place.raises((ValueError, KeyError), 'KMaXPanopticCopyPaste.*dataset'):
        paste({**record, 'img': np.zeros((4, 4, 3), np.uint8)})


@kind(AREA, 'copy-paste of images of other sizes')
def pasted(place):
    load = [dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')]
    source = [*load, dict(type='KMaXResize', crop_size=(33, 33))]
    paste = dict(type='KMaXPanopticCopyPaste', source_pipeline=source)
    init_default_scope('mmdet')
    dataset = DATASETS.build(
        dict(type='KMaXPanopticDataset', data_root='data', ann_file='panoptic_val.json',
             data_prefix=dict(img='val', seg='panoptic_val'), pipeline=[*load, paste])
    )  # fmt: skip
    with place.raises(ValueError, 'both pipelines must end with the same size'):
        dataset[0]
