"""One training step's batch statistics and auxiliary predictions against the original's.

At random weights the network is chaotic in training mode: the original itself moves by these
tolerances between two of its own kernels, so later layers cannot be bound.
"""

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from projects.kmax.converters import FORMATS, convert
from projects.kmax.converters.deeplab2_names import Names
from projects.kmax.models.layers import resize

CONFIG = ROOT / 'configs/kmax/_base_/models/kmax_r50.py'
MOMENTUM = 0.01


@pytest.fixture(scope='module')
def step(oracle, deeplab2_variables):
    """Run the recorded step in float64; return output, state before and after, batch sizes."""
    expected = dict(np.load(oracle('tf/tf_train_mode_ade20k_r50_65x97.npz')))
    init_default_scope('mmdet')
    config = Config.fromfile(CONFIG).model
    head = config.panoptic_head
    head.num_things_classes = 100
    head.num_stuff_classes = 50
    head.semantic_decoder.num_classes = 151
    head.transformer_decoder.drop_path_rate = 0.0
    model = MODELS.build(config)
    variables = deeplab2_variables('ade20k_r50_641')
    model.load_state_dict(convert(FORMATS['deeplab2'], variables, model).state)
    before = {k: v.double() for k, v in model.state_dict().items()}
    counts: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_pre_hook(
                lambda m, x, name=name: counts.update({name: x[0].numel() // m.num_features})
            )
    model.double().train()
    image = torch.from_numpy(expected['image']).permute(0, 3, 1, 2).double()
    with torch.no_grad():
        output = model.panoptic_head(model.extract_feat(image / 127.5 - 1))
    return output, before, model.state_dict(), counts, expected


def deviations(ours: torch.Tensor, name: str, expected: dict) -> np.ndarray:
    stride = tuple(slice(None, None, int(k)) for k in expected[f'{name}.stride'])
    return np.abs(ours.numpy()[stride] - expected[f'{name}.sample']) / expected[f'{name}.stats'][1]


@pytest.mark.parametrize('layer', range(5))
def test_auxiliary_predictions(step, layer):
    output, _, _, _, expected = step
    aux, size = output.aux[layer], output.mask_logits.shape[-2:]
    arrays = {
        'mask_logits_resized': resize(aux.mask_logits, size).permute(0, 2, 3, 1),
        'pixel_feature_resized': resize(aux.pixel_feature, size).permute(0, 2, 3, 1),
        'class_logits': aux.cls_logits,
    }
    for name, ours in arrays.items():
        error = deviations(ours, f'aux{layer}.{name}', expected)
        assert error.max() < 3e-2, name
        assert np.median(error) < 1e-3, name


def test_moving_statistics(step):
    _, before, after, counts, expected = step
    names, compared = Names(()), 0
    for name, want in expected.items():
        if not name.startswith('bn_after.'):
            continue
        ours = names[name.removeprefix('bn_after.')]
        got = after[ours]
        if ours.endswith('running_var'):
            # torch moves towards the unbiased variance, the original towards the biased one.
            count = counts[ours.removesuffix('.running_var')]
            kept = (1 - MOMENTUM) * before[ours]
            got = kept + (got - kept) * (count - 1) / count
        np.testing.assert_allclose(got.numpy()[:64], want, rtol=1e-3, atol=1e-3, err_msg=name)
        compared += 1
    assert compared == 102
