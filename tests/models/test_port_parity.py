"""The port's network and post-processing against arrays recorded from the port, at full width."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import NANO
from mmdet.apis import init_detector
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.structures import DetDataSample

from projects.kmax.models.losses.instance_discrimination_loss import gather_features
from projects.kmax.models.postprocess.maps import Frame
from projects.kmax.models.postprocess.resizing import output_axes, tiles

CASES = {
    'r50': NANO.with_name('kmax_r50-port_8xb8-150k_coco-panoptic.py'),
    'convnext_tiny': NANO.with_name('kmax_convnext-t-port_8xb8-150k_coco-panoptic.py'),
}
TOLERANCE = 1e-3


@pytest.fixture(scope='module', params=CASES)
def case(request, oracle, port_formula, port_tensors, convert_checkpoint, tmp_path_factory):
    """Recorded arrays, what they are, our model of a released file, its arrays by those names."""
    name, config = request.param, CASES[request.param]
    arrays = np.load(oracle(f'pytorch/forward_{name}_s129.npz'))
    meta = json.loads(oracle(f'pytorch/forward_{name}_s129.meta.json').read_text())
    source, dst = (tmp_path_factory.mktemp(name) / file for file in ('kmax.pth', 'ours.pth'))
    torch.save(dict(model=port_tensors(name)), source)
    convert_checkpoint('port', source, dst, '--config', config)
    model = init_detector(str(config), str(dst), device='cpu')
    for path in (source, dst):
        path.unlink()
    # The port pads after normalising.
    inputs = torch.zeros(len(meta['images']), 3, *meta['image_size'])
    for i, image in enumerate(meta['images']):
        height, width = image['net_hw']
        pixels = torch.from_numpy(port_formula.image(image['seed'], height, width))
        inputs[i, :, :height, :width] = pixels / 127.5 - 1
    head = model.panoptic_head
    centers = []
    for layer in head.transformer_decoder.layers:
        layer.register_forward_hook(lambda layer, args, result: centers.append(result[0]))
    with torch.no_grad():
        feats = model.extract_feat(inputs)
        stages = head.pixel_decoder(feats)
        output = head(feats)
    ours = {f'feat_res{i}': feats[i - 1] for i in range(2, 6)}
    names = ('pixdec_os32', 'pixdec_os16', 'pixdec_os8', 'pixdec_final')
    ours |= dict(zip(names, stages, strict=True))
    ours |= dict(pred_logits=output.cls_logits, pred_masks=output.mask_logits)
    ours['pixel_feature'] = output.pixel_feature
    size = output.mask_logits.shape[-2:]
    every_pixel = torch.arange(size.numel()).expand(len(inputs), -1)
    criterion = head.criterion
    for i, aux in enumerate(output.aux):
        # As the losses see them, at the resolution of the final prediction.
        aligned = criterion._aligns_corners(aux)
        feature = gather_features(aux.pixel_feature, every_pixel, size, aligned)
        ours[f'aux{i}_pixel_feature'] = feature.transpose(1, 2).unflatten(2, size)
        ours[f'aux{i}_pred_masks'] = criterion._resized_masks(aux, size).unflatten(2, size)
        ours[f'aux{i}_pred_logits'] = aux.cls_logits
        ours[f'layer{i}_query'] = centers[i]
        ours[f'layer{i}_raw_mask_logits'] = aux.mask_logits
        ours[f'layer{i}_raw_pixel_feature'] = aux.pixel_feature
    return SimpleNamespace(arrays=arrays, meta=meta, model=model, ours=ours)


def test_arrays_equal_the_ports(case):
    errors = {}
    for name, value in case.ours.items():
        recorded = case.meta['arrays'][name]
        assert list(value.shape) == recorded['shape']
        got = value.flatten()[:: recorded['stride_flat']].numpy()
        want = case.arrays[name].reshape(-1)
        errors[name] = np.abs(got - want).max() / case.meta['tolerance'][name]['std']
    assert len(errors) == 47
    worst = max(errors, key=errors.get)
    assert errors[worst] < TOLERANCE, f'{worst}: {errors[worst]:.2e} standard deviations'


def predict(case, cls_logits, mask_logits, thresholds):
    fusion_head = case.model.panoptic_fusion_head
    rules = case.meta['threshold_sets'][thresholds]
    fusion_head.test_cfg = dict(postprocess='port', semantic_on=True, instance_on=True, **rules)
    samples = []
    for image in case.meta['images']:
        sizes = dict(img_shape=image['net_hw'], ori_shape=image['out_hw'])
        sizes['batch_input_shape'] = case.meta['image_size']
        samples.append(DetDataSample(metainfo=sizes))
    return fusion_head.predict(cls_logits, mask_logits, samples)


@pytest.fixture(params=['our logits', 'recorded logits'])
def logits(request, case):
    names = 'pred_logits', 'pred_masks'
    if request.param == 'our logits':
        return [case.ours[name] for name in names]
    shapes = [case.meta['arrays'][name]['shape'] for name in names]
    return [torch.from_numpy(case.arrays[n].reshape(s)) for n, s in zip(names, shapes, strict=True)]


@pytest.mark.parametrize('thresholds', ['default', 'low', 'zero'])
def test_panoptic_maps_equal_the_ports(case, logits, thresholds):
    for i, result in enumerate(predict(case, *logits, thresholds)):
        segment = case.arrays[f'panoptic_{thresholds}_img{i}_seg']
        infos = case.meta[f'panoptic_{thresholds}_img{i}_info']
        class_of = np.full(256, 133)
        class_of[[info['id'] for info in infos]] = [info['category_id'] for info in infos]
        panoptic = result['pan_results'].sem_seg[0].numpy()
        assert panoptic.shape == segment.shape
        assert (panoptic % INSTANCE_OFFSET != class_of[segment]).mean() <= 1e-3
        # The same pixels belong together, too.
        pairs = np.unique(np.stack([panoptic.ravel(), segment.ravel()]), axis=1, return_counts=True)
        matched = {}
        for (_, id_), count in sorted(zip(pairs[0].T.tolist(), pairs[1], strict=True), key=str):
            matched[id_] = max(matched.get(id_, 0), count)
        assert sum(matched.values()) >= (1 - 1e-3) * segment.size
        assert len(np.unique(panoptic)) == len(np.unique(segment))


def test_semantic_maps_equal_the_ports(case, logits):
    for i, result in enumerate(predict(case, *logits, 'default')):
        expected = case.arrays[f'semantic_img{i}_argmax']
        semantic = result['sem_results'].sem_seg[0].numpy()
        assert semantic.shape == expected.shape
        assert (semantic != expected).mean() <= 1e-3


def test_semantic_scores_equal_the_ports(case, logits):
    cls_logits, mask_logits = logits
    size = tuple(case.meta['image_size'])
    for i, image in enumerate(case.meta['images']):
        frame = Frame(size, tuple(image['net_hw']), tuple(image['out_hw']))
        classes = cls_logits[i].softmax(-1)[:, :-1]
        scores = torch.zeros(classes.shape[1], *frame.output)
        for place, part in tiles(mask_logits[i], output_axes(mask_logits[i], frame)):
            shares = torch.einsum('qc,hqw->chw', classes, part.softmax(1))
            scores[(slice(None), *place)] = shares
        recorded = case.meta['arrays'][f'semantic_img{i}']
        assert list(scores.shape) == recorded['shape']
        for name, got in {
            f'semantic_img{i}': scores.flatten()[:: recorded['stride_flat']],
            f'semantic_img{i}_sum_over_classes': scores.sum(0)[::7, ::7],
        }.items():
            want = case.arrays[name]
            assert got.shape == want.shape
            assert np.abs(got.numpy() - want).max() < TOLERANCE * want.std(), name


@pytest.mark.parametrize('thresholds', ['default', 'low', 'zero'])
def test_instances_equal_the_ports(case, logits, thresholds):
    for i, result in enumerate(predict(case, *logits, thresholds)):
        prefix = f'instance_{thresholds}_img{i}'
        instances = result['ins_results']
        scores = case.arrays[f'{prefix}_scores_sorted']
        assert np.abs(instances.scores.numpy() - scores).max() < TOLERANCE * scores.std()
        positive = (scores > 0).sum()
        labels = case.arrays[f'{prefix}_labels_sorted']
        assert np.array_equal(instances.labels[:positive], labels[:positive])
        assert sorted(instances.labels.tolist()) == sorted(labels.tolist())
        areas = case.arrays[f'{prefix}_mask_area_sorted']
        got = instances.masks.flatten(1).sum(1).numpy()
        assert np.abs(got - areas).max() <= 1e-3 * instances.masks[0].numel()
        if f'{prefix}_masks_packed_top20' in case.arrays:
            packed = case.arrays[f'{prefix}_masks_packed_top20'][:positive]
            size = instances.masks[0].numel()
            masks = np.unpackbits(packed, axis=1)[:, :size].astype(bool)
            got = instances.masks[: len(masks)].flatten(1).numpy()
            assert (masks != got).mean(1).max() <= 1e-3
