"""Post-processing against what the original made of the same logits."""

import json

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample

from projects.kmax.models.fusion_head import KMaXFusionHead
from projects.kmax.models.postprocess import Frame

OFFSET = 1000
FORWARD = ['tf_forward_coco_r50_129x161', 'tf_forward_coco_axial_r50_129x161']
RULE_SETS = ['coco', 'cityscapes', 'ade20k']


def sample(size, content=None, original=None):
    meta = dict(batch_input_shape=size, img_shape=content or size, ori_shape=original or size)
    return DetDataSample(metainfo=meta)


def logits(archive, cls_name, mask_name):
    masks = torch.from_numpy(archive[mask_name]).permute(0, 3, 1, 2)
    return torch.from_numpy(archive[cls_name]), masks


def recorded_under(archive, prefix):
    return {k.removeprefix(prefix): archive[k] for k in archive if k.startswith(prefix)}


def to_dataset_ids(panoptic, class_ids, divisor):
    """Our ``label + instance * 1000`` in the ids of the original."""
    panoptic = panoptic.numpy().astype(np.int64)
    return class_ids[panoptic % OFFSET] * divisor + panoptic // OFFSET


def predict(cls_logits, mask_logits, size, num_things=80, num_stuff=53, **test_cfg):
    head = KMaXFusionHead(num_things, num_stuff, test_cfg=dict(semantic_on=True) | test_cfg)
    return head.predict(cls_logits, mask_logits, [sample(size) for _ in cls_logits])


def synthetic(oracle, rules, variant):
    archive = np.load(oracle('tf/tf_postprocess.npz'))
    meta = json.loads(bytes(archive['meta_json']).decode())[f'{rules}/{variant}']
    test_cfg = dict(
        postprocess={'default': 'deeplab2', 'pixelwise': 'pixelwise'}[variant],
        pixel_confidence_threshold=meta['pixel_thr'],
        class_threshold=meta['cls_thr'],
        class_threshold_thing=meta['thing_thr'],
        class_threshold_stuff=meta['stuff_thr'],
        overlap_threshold=meta['overlap'],
        reorder_class_weight=meta['rc'],
        reorder_mask_weight=meta['rm'],
        thing_area_limit=meta['thing_area_limit'],
        stuff_area_limit=meta['stuff_area_limit'],
    )
    cls_logits, mask_logits = logits(archive, f'{rules}/class_logits', f'{rules}/mask_logits')
    first = 0 if rules == 'cityscapes' else 1
    ids = np.arange(first, first + cls_logits.shape[-1] - 1)
    stuff = np.setdiff1d(ids, meta['thing_ids'])
    counts = dict(num_things=len(meta['thing_ids']), num_stuff=len(stuff))
    class_ids = np.concatenate([meta['thing_ids'], stuff, [meta['void']]])
    expected = recorded_under(archive, f'{rules}/{variant}/')
    return cls_logits, mask_logits, counts, test_cfg, class_ids, meta, expected


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('variant', ['default', 'pixelwise'])
@pytest.mark.parametrize('rules', RULE_SETS)
def test_synthetic_logits(oracle, rules, variant, dtype):
    cls_logits, mask_logits, counts, test_cfg, class_ids, meta, expected = synthetic(
        oracle, rules, variant
    )
    results = predict(
        cls_logits.to(dtype), mask_logits.to(dtype), tuple(meta['size']), **counts, **test_cfg
    )
    for image, result in enumerate(results):
        pan = result['pan_results']
        panoptic = to_dataset_ids(pan.sem_seg[0], class_ids, meta['label_divisor'])
        semantic = class_ids[result['sem_results'].sem_seg[0].numpy()]
        assert np.array_equal(panoptic, expected['panoptic_pred'][image])
        assert np.array_equal(pan.instance[0].numpy(), expected['instance_pred'][image])
        assert np.array_equal(semantic, expected['semantic_pred'][image])
        for name in ('instance_scores', 'semantic_scores'):
            assert getattr(pan, name).dtype == dtype
            found, scores = getattr(pan, name)[0], expected[name][image]
            np.testing.assert_allclose(found, scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize('variant', ['default', 'low', 'low_noreorder', 'pixelwise'])
@pytest.mark.parametrize('name', FORWARD)
def test_model_logits(oracle, to_test_cfg, name, variant):
    archive = np.load(oracle(f'tf/{name}.npz'))
    meta = json.loads(bytes(archive['meta_json']).decode())
    names = 'out.transformer_class_logits', 'out.pixel_space_mask_logits'
    cls_logits, mask_logits = logits(archive, *names)
    rules = to_test_cfg(meta['post'][variant])
    (result,) = predict(cls_logits, mask_logits, tuple(meta['size']), **rules)
    pan = result['pan_results']
    class_ids = np.append(np.arange(1, 134), 0)
    made = dict(
        panoptic=to_dataset_ids(pan.sem_seg[0], class_ids, meta['label_divisor']),
        instance=pan.instance[0].numpy(),
        semantic=class_ids[result['sem_results'].sem_seg[0].numpy()],
        instance_scores=pan.instance_scores[0].numpy(),
        semantic_scores=pan.semantic_scores[0].numpy(),
    )
    expected = recorded_under(archive, f'post.{variant}.')
    assert {'panoptic', 'instance', 'semantic_scores'} <= expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(made[key], value[0], rtol=0, atol=1e-5, err_msg=key)


def random_logits(num_queries=20, num_things=3, num_stuff=2, size=(9, 9), seed=0):
    generator = torch.Generator().manual_seed(seed)
    num_classes = num_things + num_stuff
    cls_logits = 3 * torch.randn(1, num_queries, num_classes + 1, generator=generator)
    return cls_logits, 4 * torch.randn(1, num_queries, *size, generator=generator)


def paste_one_by_one(cls_logits, mask_logits, size, threshold, num_things=3):
    """Paste dense masks in a loop, as the rules are written; no area limits."""
    masks = torch.nn.functional.interpolate(mask_logits, size, mode='bilinear', align_corners=True)
    masks = masks[0].softmax(0) > threshold
    strided = mask_logits[0].softmax(0)
    mask_scores = torch.stack([q[q > threshold].mean().nan_to_num(0) for q in strided])
    scores, labels = cls_logits[0].softmax(-1)[:, :-1].max(-1)
    panoptic = torch.full(size, 5)
    free = torch.ones(size, dtype=torch.bool)
    for position, query in enumerate((scores * mask_scores).argsort(descending=True)):
        mask, thing = masks[query], bool(labels[query] < num_things)
        new = mask & free
        if scores[query] >= (0.5 if thing else 0.3) and new.sum() > 0.8 * mask.sum():
            panoptic[new] = labels[query] + thing * (position + 1) * OFFSET
            free &= ~new
    return panoptic


@pytest.mark.parametrize('threshold', [0.6, 0.5, 0.4, 0.2, 0.05, 0.0])
@pytest.mark.parametrize('seed', range(3))
def test_any_threshold(threshold, seed):
    cls_logits, mask_logits = random_logits(seed=seed)
    size = (33, 41)
    thresholds = dict(class_threshold_thing=0.5, class_threshold_stuff=0.3)
    thresholds |= dict(pixel_confidence_threshold=threshold, thing_area_limit=0, stuff_area_limit=0)
    (result,) = predict(cls_logits, mask_logits, size, 3, 2, **thresholds)
    expected = paste_one_by_one(cls_logits, mask_logits, size, threshold)
    assert torch.equal(result['pan_results'].sem_seg[0].long(), expected)


@pytest.mark.parametrize('postprocess', ['deeplab2', 'pixelwise'])
def test_images_of_different_size(postprocess):
    cls_logits, mask_logits = random_logits()
    limits = dict(class_threshold=0.3, thing_area_limit=0)
    head = KMaXFusionHead(3, 2, dict(postprocess=postprocess, semantic_on=True, **limits))
    samples = [
        sample((33, 33)),
        sample((33, 33), content=(21, 33), original=(11, 17)),
        sample((33, 33), content=(33, 17), original=(65, 33)),
    ]
    batch = cls_logits.expand(3, -1, -1), mask_logits.expand(3, -1, -1, -1)
    whole, small, large = head.predict(*batch, samples)
    for key in ('pan_results', 'sem_results'):
        full = whole[key].sem_seg[0]
        assert torch.equal(small[key].sem_seg[0], full[:21, :33][::2, ::2])
        rows, cols = (torch.arange(n) // 2 + torch.arange(n) % 2 for n in (65, 33))
        assert torch.equal(large[key].sem_seg[0], full[:33, :17][rows][:, cols])
    unscaled = head.predict(*batch, samples, rescale=False)
    assert unscaled[2]['pan_results'].sem_seg.shape == (1, 33, 17)


@pytest.mark.parametrize('postprocess', ['deeplab2', 'pixelwise'])
def test_nothing_detected(postprocess):
    cls_logits, mask_logits = random_logits()
    cls_logits[..., -1] = 100
    options = dict(postprocess=postprocess, instance_on=True)
    (result,) = predict(cls_logits, mask_logits, (33, 33), 3, 2, **options)
    assert (result['pan_results'].sem_seg == 5).all()
    assert result['pan_results'].sem_seg.dtype == torch.int32
    assert len(result['ins_results']) == 0
    assert result['ins_results'].masks.shape == (0, 33, 33)


def test_instances_are_the_thing_segments():
    cls_logits, mask_logits = random_logits()
    settings = dict(instance_on=True, class_threshold_thing=0.4, thing_area_limit=4)
    result = predict(cls_logits, mask_logits, (33, 33), 3, 2, **settings)[0]
    pan, instances = result['pan_results'], result['ins_results']
    things = [i for i in pan.sem_seg.unique().tolist() if i % OFFSET < 3]
    assert len(instances) == len(things) > 1
    assert instances.scores.tolist() == sorted(instances.scores.tolist(), reverse=True)
    for label, score, mask, box in zip(
        instances.labels, instances.scores, instances.masks, instances.bboxes, strict=True
    ):
        (segment,) = pan.sem_seg[0][mask].unique().tolist()
        assert segment % OFFSET == label and int((pan.sem_seg == segment).sum()) == mask.sum()
        torch.testing.assert_close(
            score, pan.instance_scores[0][mask].mean() * pan.semantic_scores[0][mask].mean()
        )
        ys, xs = mask.nonzero(as_tuple=True)
        assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    best = predict(cls_logits, mask_logits, (33, 33), 3, 2, max_per_image=1, **settings)[0]
    assert torch.equal(best['ins_results'].masks, instances.masks[:1])


def test_only_what_is_asked_for():
    results = predict(*random_logits(), (33, 33), 3, 2, panoptic_on=False)
    assert [set(result) for result in results] == [{'sem_results'}]


def test_half_precision_logits():
    cls_logits, mask_logits = random_logits()
    half = predict(cls_logits.half(), mask_logits.bfloat16(), (33, 33), 3, 2)[0]
    assert half['pan_results'].instance_scores.dtype == torch.float32


ONE, TWO = (20, 30), (40, 60)
SIZES = [
    (dict(img_shape=ONE), ONE, ONE, ONE),
    (dict(ori_shape=TWO), TWO, TWO, TWO),
    (dict(img_shape=(20, 30, 3), ori_shape=TWO), ONE, ONE, TWO),
    (dict(img_shape=ONE, pad_shape=(33, 33)), (33, 33), ONE, ONE),
    (dict(img_shape=ONE, pad_shape=ONE, batch_input_shape=(33, 65)), (33, 65), ONE, ONE),
]


@pytest.mark.parametrize(('metainfo', 'padded', 'content', 'output'), SIZES)
def test_sizes_of_bare_metainfo(metainfo, padded, content, output):
    assert Frame.from_metainfo(metainfo, rescale=True) == Frame(padded, content, output)
    assert Frame.from_metainfo(metainfo, rescale=False) == Frame(padded, content, content)


def test_missing_or_contradicting_sizes():
    with pytest.raises(ValueError, match=r"neither img_shape nor ori_shape, only \['img_id'\]"):
        Frame.from_metainfo(dict(img_id=1), rescale=True)
    with pytest.raises(ValueError, match='20x30 pixels does not fit into the input of 33x17'):
        Frame.from_metainfo(dict(img_shape=(20, 30), batch_input_shape=(33, 17)), rescale=True)


def test_data_samples_by_name_and_position():
    cls_logits, mask_logits = random_logits()
    head = KMaXFusionHead(3, 2)
    by_name = head.predict(cls_logits, mask_logits, data_samples=[sample((33, 33))], rescale=True)
    by_position = head.predict(cls_logits, mask_logits, [sample((33, 33))], True)
    assert torch.equal(by_name[0]['pan_results'].sem_seg, by_position[0]['pan_results'].sem_seg)


@pytest.mark.parametrize('postprocess', ['deeplab2', 'pixelwise'])
def test_area_limit_of_stuff_counts_the_whole_class(postprocess):
    cls_logits = torch.full((1, 4, 6), -9.0)
    cls_logits[0, range(4), [0, 0, 3, 3]] = 9
    quadrants = torch.arange(4).view(2, 2).repeat_interleave(16, 0).repeat_interleave(16, 1)
    mask_logits = 50.0 * (quadrants == torch.arange(4)[:, None, None])[None]
    limits = dict(postprocess=postprocess, thing_area_limit=257, stuff_area_limit=512)
    result = predict(cls_logits, mask_logits, (32, 32), 3, 2, **limits)[0]
    assert result['pan_results'].sem_seg.unique().tolist() == [3, 5]


def test_unknown_rules_and_fields():
    with pytest.raises(ValueError, match=r"postprocess is 'maskwise'.*\['deeplab2', 'pixelwise'"):
        KMaXFusionHead(3, 2, test_cfg=dict(postprocess='maskwise'))
    with pytest.raises(ValueError, match=r"unknown fields \['overlap_thr'\].*overlap_threshold"):
        KMaXFusionHead(3, 2, test_cfg=dict(overlap_thr=0.8))


@pytest.mark.parametrize('rules', ['deeplab2', 'pixelwise', 'port'])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('where', ['classes', 'masks'])
def test_logits_that_are_not_finite_are_refused(rules, value, where):
    generator = torch.Generator().manual_seed(0)
    classes = torch.randn(2, 8, 5, generator=generator)
    masks = torch.randn(2, 8, 9, 13, generator=generator)
    head = KMaXFusionHead(2, 2, test_cfg=dict(postprocess=rules, semantic_on=True))
    samples = [sample((33, 49)), sample((33, 49))]
    samples[1].set_metainfo(dict(img_path='folder/b.png', img_id=7))
    head.predict(classes, masks, samples)
    (classes if where == 'classes' else masks)[1, 3, 2] = value
    with pytest.raises(ValueError, match='not finite for image folder/b.png: check the weights'):
        head.predict(classes, masks, samples)
