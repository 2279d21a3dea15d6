"""PQ, AP and mIoU on random sets against panopticapi's, pycocotools' and mmsegmentation's."""

import json

import numpy as np
import pytest
import torch
from mmdet.evaluation.functional import pq_compute_single_core
from mmseg.evaluation import IoUMetric
from panoptic_files import pycocotools, write_truth
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from projects.kmax import evaluation
from projects.kmax.evaluation.panoptic_quality import match_files
from projects.kmax.panoptic_format import write_panoptic_png
from projects.kmax.void import IGNORED_LABEL

pytestmark = pytest.mark.filterwarnings('ignore:panoptic quality of')
SEEDS = range(12)


def write_predictions(made, rng):
    """Write the panoptic predictions with ids of any size."""
    annotations = []
    for sample in made.samples:
        panoptic = sample['pred_panoptic_seg']['sem_seg'][0].numpy()
        ids, segments = np.zeros(panoptic.shape, np.int64), []
        for value in np.unique(panoptic).tolist():
            label = value % 1000
            if label < len(made.classes):
                segment_id = int(rng.integers(1, 256)) * 65536 + value
                ids[panoptic == value] = segment_id
                segments.append(dict(id=segment_id, category_id=made.category_of_label[label]))
        name = f'{sample["img_id"]}.png'
        write_panoptic_png(made.folder / 'pred' / name, ids)
        annotations.append(dict(image_id=sample['img_id'], file_name=name, segments_info=segments))
    (made.folder / 'pred.json').write_text(json.dumps(dict(annotations=annotations)))
    return annotations


def average(totals, categories):
    """Return PQ, SQ and RQ as the paper's equation 1 has them, of the categories that occur."""
    qualities = []
    for category in totals.keys() & categories:
        iou, tp, fp, fn = totals[category]
        total = tp + fp / 2 + fn / 2
        qualities.append((iou / total, iou / tp if tp else 0, tp / total))
    return np.mean(qualities, 0) if qualities else np.zeros(3)


def occurring(stats):
    """Return IoU, TP, FP and FN of the categories that occur."""
    return {c: (s.iou, s.tp, s.fp, s.fn) for c, s in stats.items() if s.tp or s.fp or s.fn}


@pytest.mark.parametrize('seed', SEEDS)
def test_pq_equals_panopticapi(random_set, evaluate, seed):
    made = random_set(seed)
    predicted = write_predictions(made, np.random.default_rng(seed))
    categories = {category['id']: category for category in made.categories}
    pairs = list(zip(made.annotations, predicted, strict=True))
    folders = str(made.folder / 'gt'), str(made.folder / 'pred')

    def panopticapi(pairs):
        return occurring(pq_compute_single_core(0, pairs, *folders, categories).pq_per_cat)

    gt_json = made.truth['ann_file']
    per_image, _ = match_files(gt_json, made.folder / 'pred.json')
    for pair in pairs:
        found, expected = occurring(per_image[pair[0]['file_name']]), panopticapi([pair])
        assert found.keys() == expected.keys()
        for category, values in expected.items():
            assert found[category] == pytest.approx(values, rel=0, abs=1e-12)
    totals = panopticapi(pairs)
    on_files = evaluation.pq_compute(gt_json, made.folder / 'pred.json')
    in_memory = evaluate('KMaXPanopticMetric', made.classes, made.samples, **made.truth)
    groups = ('All', '', {0, 1}), ('Things', '_th', {1}), ('Stuff', '_st', {0})
    for group, kind, isthing in groups:
        members = [c['id'] for c in made.categories if c['isthing'] in isthing]
        pq = average(totals, members)
        found = [on_files[group][name] for name in ('pq', 'sq', 'rq')]
        np.testing.assert_allclose(found, pq, rtol=0, atol=1e-12)
        found = [in_memory[f'coco_panoptic/{name}{kind}'] for name in ('PQ', 'SQ', 'RQ')]
        np.testing.assert_allclose(found, 100 * pq, rtol=0, atol=1e-10)


def as_instances(made):
    """Return the annotated things as COCO's instances, by its own functions."""
    is_thing = {category['id']: category['isthing'] for category in made.categories}
    images, annotations = [], []
    for annotation in made.annotations:
        ids = made.gt_ids[annotation['image_id']]
        images.append(dict(id=annotation['image_id'], height=ids.shape[0], width=ids.shape[1]))
        for segment in annotation['segments_info']:
            if is_thing[segment['category_id']]:
                encoded = coco_mask.encode(np.asfortranarray(ids == segment['id'], np.uint8))
                place = dict(segmentation=encoded, bbox=coco_mask.toBbox(encoded).tolist())
                numbers = dict(id=len(annotations) + 1, image_id=annotation['image_id'])
                annotations.append(segment | place | numbers)
    categories = [category for category in made.categories if category['isthing']]
    truth = COCO()
    truth.dataset = dict(images=images, annotations=annotations, categories=categories, info={})
    truth.createIndex()
    return truth


def as_results(made):
    """Yield the predicted instances as COCO's results."""
    for sample in made.samples:
        predicted = sample['pred_instances']
        fields = (predicted[name] for name in ('labels', 'scores', 'masks'))
        for label, score, mask in zip(*fields, strict=True):
            yield dict(
                image_id=sample['img_id'],
                category_id=made.category_of_label[int(label)],
                segmentation=coco_mask.encode(np.asfortranarray(mask.numpy(), np.uint8)),
                score=float(score),
            )


@pytest.mark.usefixtures('evaluated_by')
@pytest.mark.parametrize('change', ['', 'many', 'nothing predicted', 'nothing annotated'])
@pytest.mark.parametrize('seed', SEEDS[:4])
def test_ap_equals_pycocotools(random_set, evaluate, seed, change):
    made = random_set(seed)
    if change == 'many':
        # More than the 100 that count.
        instances = made.samples[2]['pred_instances']
        for name, value in instances.items():
            instances[name] = value.repeat(60, *[1] * (value.ndim - 1))
    if change == 'nothing predicted':
        for sample in made.samples:
            instances = sample['pred_instances']
            sample['pred_instances'] = {name: value[:0] for name, value in instances.items()}
    if change == 'nothing annotated':
        for annotation in made.annotations:
            annotation['segments_info'].clear()
        write_truth(made.folder, made.categories, made.annotations, made.gt_ids.values())
    figures = evaluate('KMaXInstanceMetric', made.classes, made.samples, **made.truth)
    truth, results = as_instances(made), list(as_results(made))
    stats = pycocotools(truth, truth.loadRes(results) if results else COCO())
    names = [f'coco/segm_mAP{suffix}' for suffix in ('', '_50', '_75', '_s', '_m', '_l')]
    np.testing.assert_allclose([figures[n] for n in names], stats[:6], rtol=0, atol=1e-9)
    assert change or 0 < stats[0] < 1


def labels_of(made, annotation):
    """Return the label map of an annotation; what is no stuff or thing is ignored."""
    ids = made.gt_ids[annotation['image_id']]
    labels = np.full(ids.shape, IGNORED_LABEL, np.uint8)
    for segment in annotation['segments_info']:
        if not segment['iscrowd']:
            labels[ids == segment['id']] = made.category_of_label.index(segment['category_id'])
    return labels


@pytest.mark.parametrize('seed', SEEDS)
def test_miou_equals_mmseg(random_set, evaluate, seed):
    made = random_set(seed)
    areas, folders = [], [made.folder / f'{side}_labels' for side in ('gt', 'pred')]
    for folder in folders:
        folder.mkdir()
    for annotation, sample in zip(made.annotations, made.samples, strict=True):
        labels, pred = labels_of(made, annotation), sample['pred_sem_seg']['sem_seg'][0]
        truth = torch.from_numpy(labels.astype(np.int64))
        areas.append(
            IoUMetric.intersect_and_union(
                pred, truth, len(made.classes), ignore_index=IGNORED_LABEL
            )
        )
        for folder, saved in zip(folders, (labels, pred.numpy().astype(np.uint8)), strict=True):
            Image.fromarray(saved).save(folder / annotation['file_name'])
    totals = [sum(parts).double() for parts in zip(*areas, strict=True)]
    expected = IoUMetric.total_area_to_metrics(*totals, ['mIoU', 'mDice'])
    figures = evaluate('KMaXSemanticMetric', made.classes, made.samples, **made.truth)
    on_files = evaluation.mean_iou(*folders, len(made.classes), IGNORED_LABEL)
    for name in ('IoU', 'Acc'):
        np.testing.assert_allclose(on_files[name], expected[name], rtol=0, atol=1e-12)
    means = dict(mIoU='IoU', mAcc='Acc', aAcc='aAcc', mDice='Dice')
    for name, key in means.items():
        mean = np.nanmean(expected[key])
        assert on_files[name] == pytest.approx(mean, rel=0, abs=1e-12)
        if name != 'mDice':
            assert figures[f'semantic/{name}'] == pytest.approx(100 * mean, rel=0, abs=1e-10)
    assert np.isnan(expected['Acc']).any() and 0 < np.nanmean(expected['IoU']) < 1


def test_sets_hold_what_may_go_wrong(random_set):
    seen = set()
    for seed in SEEDS:
        made = random_set(seed)
        for annotation, sample in zip(made.annotations, made.samples, strict=True):
            ids = made.gt_ids[annotation['image_id']]
            pred = sample['pred_panoptic_seg']['sem_seg'][0].numpy()
            listed = {segment['id']: segment for segment in annotation['segments_info']}
            void = ~np.isin(ids, list(listed))
            marks = dict(
                crowd=any(s['iscrowd'] for s in listed.values()),
                void=void.any() and not void.all(),
                empty_truth=not listed,
                empty_prediction=(pred == len(made.classes)).all(),
                id_zero=(pred == 0).any(),
                one_pixel=any((ids == value).sum() == 1 for value in listed),
                large_id=any(value > 65535 for value in listed),
                unlisted_id=bool(set(np.unique(ids).tolist()) - set(listed) - {0}),
                no_pixel=any(not (ids == value).any() for value in listed),
                only_predicted=(pred % 1000 == made.classes.index('owl')).any(),
                exactly_half=any(exactly_half(made, ids, pred, s) for s in listed.values()),
            )
            seen |= {name for name, holds in marks.items() if holds}
    assert seen == set(marks)


def exactly_half(made, ids, pred, segment):
    """Tell if a predicted segment of its category has an IoU of 0.5 with this one."""
    label = made.category_of_label.index(segment['category_id'])
    gt = ids == segment['id']
    for value in np.unique(pred[gt & (pred % 1000 == label)]):
        mask = pred == value
        union = segment['area'] + (mask & (ids != 0)).sum() - (gt & mask).sum()
        if 2 * (gt & mask).sum() == union:
            return True
    return False
