"""The port's network against arrays recorded from the port, at full width."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.converters.port import convert_port

CONFIG = Path(__file__).resolve().parents[2] / 'configs/kmax/_base_/models/kmax_r50-port.py'
CASE = 'pytorch/forward_r50_s129'
TOLERANCE = 1e-3


@pytest.fixture(scope='module')
def weights(oracle):
    """The formula of weights and images."""
    spec = importlib.util.spec_from_file_location('port_weights', oracle('pytorch/weights.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def case(oracle, weights):
    """Recorded arrays, what they are, our model and its arrays under the recorded names."""
    arrays = np.load(oracle(f'{CASE}.npz'))
    meta = json.loads(oracle(f'{CASE}.meta.json').read_text())
    entries = json.loads(oracle('pytorch/manifest_r50.json').read_text())
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(CONFIG).model).eval()
    state = {name: weights.make(name, shape) for name, shape, _ in entries}
    model.load_state_dict(convert_port(state, range(133)))
    # The port pads after normalising.
    inputs = torch.zeros(len(meta['images']), 3, *meta['image_size'])
    for i, image in enumerate(meta['images']):
        height, width = image['net_hw']
        pixels = torch.from_numpy(weights.image(image['seed'], height, width))
        inputs[i, :, :height, :width] = pixels / 127.5 - 1
    head = model.panoptic_head
    with torch.no_grad():
        feats = model.extract_feat(inputs)
        stages = head.pixel_decoder(feats)
        output = head(feats)
    ours = {f'feat_res{i}': feats[i - 1] for i in range(2, 6)}
    names = ('pixdec_os32', 'pixdec_os16', 'pixdec_os8', 'pixdec_final')
    ours |= dict(zip(names, stages, strict=True))
    ours |= dict(
        pred_logits=output.cls_logits,
        pred_masks=output.mask_logits,
        pixel_feature=output.pixel_feature,
    )
    for i, aux in enumerate(output.aux):
        ours[f'aux{i}_pred_logits'] = aux.cls_logits
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
    assert len(errors) == 29
    worst = max(errors, key=errors.get)
    assert errors[worst] < TOLERANCE, f'{worst}: {errors[worst]:.2e} standard deviations'
