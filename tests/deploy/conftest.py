"""The tiny model with weights that find something, exported once for all."""

import json

import pytest
import torch
from helpers import run_command

SIZE = (65, 97)
SURE = dict(pixel_confidence_threshold=0.34, thing_area_limit=4, stuff_area_limit=4)
"""Fields of ``test_cfg`` that the graph holds, where those of the tiny model are 0."""


@pytest.fixture(scope='session')
def lively_weights(named_weights):
    """Weights of the tiny model whose masks are sure of their pixels."""
    path = named_weights.with_name('lively.pth')
    content = torch.load(named_weights)
    content['state_dict']['panoptic_head.predictor.mask_bn.weight'] *= 400
    torch.save(content, path)
    return path


@pytest.fixture(scope='session')
def run_export(folder, lively_weights):
    """Return a function that runs the command on the tiny model; it returns its status."""

    def run(out, *words, config=None, weights=None, options=()):
        settings = [f'model.test_cfg.{name}={value}' for name, value in SURE.items()]
        places = config or folder / 'everything.py', weights or lively_weights, out
        size = ['--size', *SIZE] if '--size' not in words else []
        try:
            return run_command(
                'export', 'export.py', *places, *size, *words, '--cfg-options', *settings, *options
            )
        except SystemExit as stopped:
            return stopped.code

    return run


@pytest.fixture(scope='session')
def exported(run_export, tmp_path_factory):
    """A file of maps."""
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    pytest.importorskip('onnxruntime', reason='the file is run in onnxruntime')
    out = tmp_path_factory.mktemp('exported') / 'tiny.onnx'
    assert not run_export(out)
    return out


@pytest.fixture(scope='session')
def metadata(exported):
    """What it says of itself."""
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    return json.loads(properties['kmax'])
