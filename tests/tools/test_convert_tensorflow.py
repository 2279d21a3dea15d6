"""The command on real TensorFlow checkpoints at full size, and the network that results."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.apis import init_detector

from projects.kmax.converters import FORMATS, convert

SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'
SLOT = f'encoder/_stem/x/.OPTIMIZER_SLOT/optimizer/m{SUFFIX}'
TOLERANCE = 1e-3
CASES = {
    'coco_r50': 'kmax_r50_8xb8-150k_coco-panoptic.py',
    'coco_axial_r50': 'kmax_axial-r50_8xb8-150k_coco-panoptic.py',
}


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def checkpoint(case, write_released):
    """Folder with a checkpoint as TensorFlow writes it, with what training leaves in it."""
    left = {
        f'global_step{SUFFIX}': np.int64(1),
        SLOT: np.zeros(3, np.float32),
        '_CHECKPOINTABLE_OBJECT_GRAPH': b'not numbers',
    }
    return write_released(case, left)


def deviation(name, ours, expected):
    """Largest difference in standard deviations of the recorded array."""
    if name in expected:
        want, std = expected[name], expected[name].std()
    else:
        ours = ours[tuple(slice(None, None, step) for step in expected[f'{name}.stride'])]
        want, std = expected[f'{name}.sample'], expected[f'{name}.stats'][1]
    return np.abs(ours.numpy() - want).max() / std


@pytest.mark.slow
def test_released_checkpoint_gives_the_originals_numbers(
    case, checkpoint, oracle, deeplab2_variables, tmp_path
):
    expected = dict(np.load(oracle(f'tf/tf_forward_{case}_129x161.npz')))
    config, dst = ROOT / 'configs/kmax' / CASES[case], tmp_path / 'ours.pth'
    command = [sys.executable, ROOT / 'tools/convert_checkpoint.py', 'deeplab2', checkpoint, dst]
    run = subprocess.run([*command, '--config', config], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for line in ('left out    3\n', f'state of the optimizer: {SLOT}', 'not filled  0\n'):
        assert line in run.stdout
    model = init_detector(str(config), str(dst), device='cpu')
    assert len(model.dataset_meta['classes']) == 133
    want = convert(FORMATS['deeplab2'], deeplab2_variables(case), model).state
    own = model.state_dict()
    assert [name for name in own if not own[name].equal(want[name])] == []

    image = torch.from_numpy(expected['image']).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        output = model.panoptic_head(model.extract_feat(image / 127.5 - 1))
    pixels = output.mask_logits.permute(0, 2, 3, 1)
    features = output.pixel_feature.permute(0, 2, 3, 1)
    assert deviation('out.transformer_class_logits', output.cls_logits, expected) < TOLERANCE
    assert deviation('out.pixel_space_mask_logits', pixels, expected) < TOLERANCE
    assert deviation('out.pixel_space_normalized_feature', features, expected) < TOLERANCE
    for i, aux in enumerate(output.aux):
        assigned = aux.mask_logits.argmax(1).numpy()
        np.testing.assert_array_equal(assigned, expected[f'aux{i}.argmax'])
