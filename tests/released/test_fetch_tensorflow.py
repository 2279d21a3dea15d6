"""A published model of full size by its name, its archive made by TensorFlow, which reads it."""

import os
import subprocess
import sys
import tarfile

import pytest
import torch
from imports import ROOT
from published import ORIGINAL, build

from projects.kmax.converters import FORMATS, convert

ARCHIVE = 'kmax_resnet50_coco_train.tar.gz'
USE = """
import sys
import projects.kmax
from mmdet.apis import DetInferencer

DetInferencer('kmax_r50_coco', device='cpu')
print('tensorflow' in sys.modules)
"""


@pytest.mark.slow
def test_a_name_is_all_that_is_needed(write_released, archive_server, deeplab2_variables, tmp_path):
    folder = write_released('coco_r50', {})
    with tarfile.open(tmp_path / ARCHIVE, 'w:gz', compresslevel=1) as tar:
        for path in sorted(folder.glob('ckpt-1.*')):
            tar.add(path, f'kmax_resnet50_coco_train/{path.name}')
    content = archive_server.files[ARCHIVE] = (tmp_path / ARCHIVE).read_bytes()
    half = len(content) // 2
    archive_server.breaks = [half]
    variables = dict(TORCH_HOME=str(tmp_path / 'torch'), KMAX_MIRROR=archive_server.url)
    for first in (True, False):
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', USE],
            cwd=ROOT,
            env=os.environ | variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-1] == str(first)
    assert archive_server.gets == [(ARCHIVE, None), (ARCHIVE, f'bytes={half}-')]
    (path,) = tmp_path.glob('torch/hub/checkpoints/*')
    state = torch.load(path, weights_only=True)['state_dict']
    model = build(ORIGINAL['coco_r50'])[1]
    want = convert(FORMATS['deeplab2'], deeplab2_variables('coco_r50'), model).state
    assert list(state) == list(want)
    assert [name for name in state if not state[name].equal(want[name])] == []
