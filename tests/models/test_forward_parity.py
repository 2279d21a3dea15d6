"""The whole network against arrays recorded from the original, at full width."""

import json

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from projects.kmax.converters import FORMATS, convert

MODEL_CONFIGS = ROOT / 'configs/kmax/_base_/models'
CASES = {'coco_r50': 'kmax_r50.py', 'coco_axial_r50': 'kmax_axial-r50.py'}
TOLERANCE = 1e-3
COCO_SEMANTIC_ORDER = [*range(1, 134), 0]


@pytest.fixture(scope='module', params=CASES)
def case(request, oracle) -> tuple[str, dict]:
    """Name and arrays of a recorded case."""
    return request.param, dict(np.load(oracle(f'tf/tf_forward_{request.param}_129x161.npz')))


@pytest.fixture(scope='module')
def model(case, deeplab2_variables) -> nn.Module:
    name, _ = case
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(MODEL_CONFIGS / CASES[name]).model)
    variables = deeplab2_variables(name)
    model.load_state_dict(convert(FORMATS['deeplab2'], variables, model).state)
    model.eval()
    return model


@pytest.fixture(scope='module')
def arrays(model, case) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
    """Our arrays, channels last, and the recorded ones."""
    _, expected = case
    image = torch.from_numpy(expected['image']).permute(0, 3, 1, 2).float()
    head = model.panoptic_head
    seen, parts = {}, {'decoder': head.pixel_decoder, 'transformer': head.transformer_decoder}
    parts |= {f'layer{i}': layer for i, layer in enumerate(head.transformer_decoder.layers)}
    for name, part in parts.items():
        part.register_forward_hook(lambda _m, _i, out, name=name: seen.setdefault(name, out))
    with torch.no_grad():
        feats = model.extract_feat(image / 127.5 - 1)
        output = head(feats)
    ours = {f'encoder.stage{i + 1}': feat for i, feat in enumerate(feats)}
    activate = head.semantic_decoder.act
    ours |= {f'encoder.res{i + 1}': activate(feat) for i, feat in enumerate(feats)}
    ours['encoder.backbone_output'] = ours['encoder.res5']
    ours |= {f'pixel_decoder.decoder_stage{i + 1}': seen['decoder'][i] for i in range(3)}
    ours['pixel_decoder.decoder_output'] = ours['feature_panoptic'] = seen['decoder'][3]
    ours = {name: value.permute(0, 2, 3, 1) for name, value in ours.items()}
    for i, aux in enumerate(output.aux):
        ours[f'transformer.centers_{i}'] = seen[f'layer{i}'][0].transpose(1, 2)
        ours[f'aux{i}.class_logits'] = aux.cls_logits
        ours[f'aux{i}.mask_logits'] = aux.mask_logits.permute(0, 2, 3, 1)
        ours[f'aux{i}.pixel_feature'] = aux.pixel_feature.permute(0, 2, 3, 1)
        ours[f'aux{i}.argmax'] = aux.mask_logits.argmax(1)
    ours['transformer.class_feature'] = seen['transformer'][0].transpose(1, 2)
    ours['transformer.mask_feature'] = seen['transformer'][1].transpose(1, 2)
    ours['out.transformer_class_logits'] = output.cls_logits
    ours['out.pixel_space_mask_logits'] = output.mask_logits.permute(0, 2, 3, 1)
    ours['out.pixel_space_normalized_feature'] = output.pixel_feature.permute(0, 2, 3, 1)
    semantic = output.semantic_logits.permute(0, 2, 3, 1)
    ours['out.semantic_logits'] = semantic[..., np.argsort(COCO_SEMANTIC_ORDER)]
    return ours, expected


def compare(name: str, ours: Tensor, expected: dict[str, np.ndarray]) -> float:
    """Return the largest difference in standard deviations of the recorded array."""
    got = ours.numpy()
    if name in expected:
        want, std = expected[name], expected[name].std()
    else:
        assert got.shape == tuple(expected[f'{name}.shape'])
        got = got[tuple(slice(None, None, step) for step in expected[f'{name}.stride'])]
        want, std = expected[f'{name}.sample'], expected[f'{name}.stats'][1]
    assert got.shape == want.shape
    return float(np.abs(got - want).max() / std)


def test_every_recorded_array_is_compared(arrays):
    ours, expected = arrays
    recorded = {name.removesuffix('.sample') for name in expected}
    endings = ('.shape', '.stride', '.stats', '.cosdot', 'n_used_centers', 'argmax_min_margin')
    left = {n for n in recorded if not n.endswith(endings) and not n.startswith('post.')}
    assert left - set(ours) == {'image', 'meta_json'}


def test_arrays_equal_the_original(arrays):
    ours, expected = arrays
    errors = {n: compare(n, x, expected) for n, x in ours.items() if not n.endswith('argmax')}
    worst = max(errors, key=errors.get)
    assert errors[worst] < TOLERANCE, f'{worst}: {errors[worst]:.2e} standard deviations'


def test_every_pixel_is_assigned_as_in_the_original(arrays):
    ours, expected = arrays
    for i in range(6):
        np.testing.assert_array_equal(ours[f'aux{i}.argmax'].numpy(), expected[f'aux{i}.argmax'])


def test_predict_equals_forward(model, arrays):
    ours, expected = arrays
    image = torch.from_numpy(expected['image']).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        cls_logits, mask_logits = model.panoptic_head.predict(model.extract_feat(image / 127.5 - 1))
    torch.testing.assert_close(cls_logits, ours['out.transformer_class_logits'])
    torch.testing.assert_close(mask_logits.permute(0, 2, 3, 1), ours['out.pixel_space_mask_logits'])


@pytest.mark.parametrize('variant', ['default', 'low', 'low_noreorder', 'pixelwise'])
def test_panoptic_maps_from_our_own_logits(model, arrays, to_test_cfg, variant):
    ours, expected = arrays
    rules = json.loads(bytes(expected['meta_json']))['post'][variant]
    model.panoptic_fusion_head.test_cfg = to_test_cfg(rules)
    size = expected['image'].shape[1:3]
    (result,) = model.panoptic_fusion_head.predict(
        ours['out.transformer_class_logits'],
        ours['out.pixel_space_mask_logits'].permute(0, 3, 1, 2),
        [DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, batch_input_shape=size))],
    )
    panoptic = result['pan_results'].sem_seg[0].numpy()
    label, instance = panoptic % INSTANCE_OFFSET, panoptic // INSTANCE_OFFSET
    # The original's ids: class id from 1, 256 instances of each, 0 for void.
    got = np.where(label == 133, 0, (label + 1) * 256 + instance)
    differing = (got != expected[f'post.{variant}.panoptic'][0]).mean()
    assert differing <= 1e-3
