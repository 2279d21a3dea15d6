"""Released checkpoints: of a small network for a reader that knows names only, and of real ones."""

import hashlib
import http.server
import io
import re
import sys
import tarfile
import threading
import types
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from kmax_deeplab import released
from projects.kmax.converters.deeplab2_names import Names
from projects.kmax.released import download, store

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/kmax/kmax_axial-r50_8xb8-150k_coco-panoptic.py'
SMALL = f"""
_base_ = '{CONFIG}'
crop_size = (65, 97)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='KMaXResize', crop_size=crop_size),
    dict(type='PackKMaXInputs'),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    data_preprocessor=dict(pad_size=crop_size),
    backbone=dict(stem_channels=(8, 8, 16), channels=(8, 8, 16, 16), num_blocks=(1, 1, 2, 1),
                  num_axial=(0, 0, 1, 1)),
    panoptic_head=dict(
        in_channels=[16, 32, 32, 64, 64],
        pixel_decoder=dict(channels=(16, 16, 8, 8), num_blocks=(1, 1, 1, 1)),
        transformer_decoder=dict(num_queries=8, embed_dims=16, feedforward_channels=16,
                                 mask_channels=8, num_layers=(1, 0, 0)),
        semantic_decoder=dict(channels=8, low_level_channels=(8, 8)),
    ),
)
"""
SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'


@pytest.fixture
def release_config(tmp_path):
    path = tmp_path / 'small.py'
    path.write_text(SMALL)
    return path


@pytest.fixture
def release_variables(release_config, deeplab2_shapes):
    """Variables of MaX-S, their shapes those of the small network."""
    init_default_scope('mmdet')
    torch.manual_seed(0)
    own = MODELS.build(Config.fromfile(release_config).model).state_dict()
    shapes = {k.removesuffix(SUFFIX): s for k, s in deeplab2_shapes['coco_axial_r50'].items()}
    names = Names(shapes)
    found = {}
    for name, shape in shapes.items():
        if names[name] in own:
            found[name + SUFFIX] = _tensorflow_layout(own[names[name]], name, len(shape))
    found['global_step' + SUFFIX] = torch.tensor(1)
    return found


def _tensorflow_layout(value, name, ndim):
    leaf = name.rpartition('/')[2]
    if leaf == 'depthwise_kernel':
        return value.permute(2, 3, 0, 1)
    if leaf == 'kernel' and ndim == 3:
        return value.reshape(value.shape[:3]).permute(2, 1, 0)
    if leaf == 'kernel':
        return value.permute(2, 3, 1, 0)
    if leaf == 'qkv_kernel':
        return value[:, :, 0, 0].t()
    return value[None] if leaf == 'cluster_centers' else value


@pytest.fixture
def release_checkpoint(tmp_path):
    """A prefix with the files of a checkpoint; the fake reader looks at their presence only."""
    folder = tmp_path / 'released'
    folder.mkdir()
    for ending in ('index', 'data-00000-of-00001'):
        (folder / f'ckpt-1.{ending}').write_bytes(b'fake')
    return folder / 'ckpt-1'


@pytest.fixture
def release_reader(monkeypatch, release_variables):
    """Replace TensorFlow by a reader that finds ``release_variables`` in any checkpoint."""
    reader = types.SimpleNamespace(
        get_variable_to_shape_map=lambda: {n: list(v.shape) for n, v in release_variables.items()},
        get_tensor=lambda name: release_variables[name].numpy(),
    )
    train = types.SimpleNamespace(load_checkpoint=lambda prefix: reader)
    # torch looks for the specification of a module that is there.
    fake = types.SimpleNamespace(train=train, __spec__=ModuleSpec('tensorflow', None))
    monkeypatch.setitem(sys.modules, 'tensorflow', fake)


class ArchiveServer(http.server.ThreadingHTTPServer):
    """Sends files, by name in ``files``, and parts of them.

    Attributes:
        gets: Of each request the name of the file and the range that was asked for.
        breaks: After how many bytes the connections of the next requests end.
        statuses: With what the next requests are refused.
        knows_ranges: Whether it sends parts.
        tells_length: Whether it says how long a file is.
    """

    def __init__(self):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.files, self.gets, self.breaks, self.statuses = {}, [], [], []
        self.knows_ranges = self.tells_length = True
        self.url = f'http://127.0.0.1:{self.server_port}/checkpoints'


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, name = self.server, self.path.rpartition('/')[2]
        asked = self.headers.get('Range')
        server.gets.append((name, asked))
        if server.statuses or name not in server.files:
            self.send_error(server.statuses.pop(0) if server.statuses else 404)
            return
        content = server.files[name]
        start = int(re.fullmatch(r'bytes=(\d+)-', asked)[1]) if asked else 0
        start = start if server.knows_ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(content)}')
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if server.tells_length:
            self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        end = server.breaks.pop(0) if server.breaks else len(content)
        self.wfile.write(content[start : start + end])

    def log_message(self, *args):
        """Keep requests out of what tests print."""


@pytest.fixture
def archive_server(monkeypatch):
    """A server on the loopback interface; tries without progress follow each other at once."""
    monkeypatch.setattr(download, 'PAUSES', (0, 0))
    with ArchiveServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def write_released(deeplab2_variables, tmp_path):
    """Return a function that writes a kind of checkpoint as TensorFlow does, with more in it."""
    tensorflow = pytest.importorskip('tensorflow', reason='tensorflow-cpu is not installed')

    def write(case, more):
        values = {name: value.numpy() for name, value in deeplab2_variables(case).items()} | more
        tensorflow.raw_ops.SaveV2(
            prefix=str(tmp_path / 'ckpt-1'),
            tensor_names=list(values),
            shape_and_slices=[''] * len(values),
            tensors=[tensorflow.constant(value) for value in values.values()],
        )
        return tmp_path

    return write


@pytest.fixture
def published_release(
    archive_server, release_reader, release_checkpoint, release_config, tmp_path, monkeypatch
):
    """The small network as a published model, its archive on the server.

    Returns:
        Its description, and the name of the file that its weights are kept in.
    """
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('KMAX_MIRROR', archive_server.url)
    model = replace(released.find_model('kmax_axial-r50_coco'), config=str(release_config))
    find = released.find_model
    monkeypatch.setattr(
        store, 'find_model', lambda name: model if name == model.alias else find(name)
    )
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w:gz') as tar:
        tar.add(release_checkpoint.parent, 'released')
    archive = archive_server.files[model.archive] = stream.getvalue()
    return model, f'{model.alias}-{hashlib.sha256(archive).hexdigest()[:8]}.pth'
