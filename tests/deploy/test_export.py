"""The exported file: the same maps as the model's, what it says of itself, what is refused."""

import hashlib
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from helpers import files_limited_to
from mmdet.apis import init_detector
from mmdet.structures import DetDataSample
from mmengine.config import Config

from kmax_deeplab.exported.engines import ENGINES, open_engine
from projects.kmax.deploy import checking, exporting
from projects.kmax.deploy.exporting import OUTPUTS

SIZE = 65, 97
CONTENTS = [(64, 96), (65, 50), (40, 97), (65, 97)]


@pytest.fixture(scope='module')
def detector(folder, lively_weights, metadata):
    config = Config.fromfile(str(folder / 'everything.py'))
    config.model.data_preprocessor.pad_size = SIZE
    config.model.test_cfg.update(metadata['thresholds'])
    return init_detector(config, str(lively_weights), device='cpu')


def image_of(seed, content):
    """Return a padded image, RGB, whose padding is not grey: it must not count."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    image[content[0] :] = 200
    image[:, content[1] :] = 90
    return image


def runs(path, engine):
    """Return a function from a padded image and its content to the outputs in their order."""
    loaded = open_engine(path, engine, 'cpu', 1)

    def run(image, content):
        found = loaded.run(dict(image=image, content=np.array(content, np.int64)))
        return [found[name] for name in OUTPUTS['maps' if 'panoptic' in found else 'logits']]

    return run


def map_of(detector, image, content):
    height, width = content
    inputs = torch.from_numpy(image[:height, :width, ::-1].transpose(2, 0, 1).copy())
    sample = DetDataSample(metainfo=dict(img_shape=content, ori_shape=content))
    with torch.no_grad():
        found = detector.test_step(dict(inputs=[inputs], data_samples=[sample]))[0]
    return found.pred_panoptic_seg.sem_seg[0].numpy()


@pytest.mark.parametrize('engine', ENGINES[1:])
def test_maps_are_the_model_s(engine, exported, detector):
    pytest.importorskip(engine, reason=f'{engine} is not installed')
    run = runs(exported, engine)
    void, found_segments = 3, 0
    for seed, content in enumerate(CONTENTS):
        image = image_of(seed, content)
        panoptic, ids, labels, scores, areas = run(image[None], content)
        expected = map_of(detector, image, content)
        height, width = content
        assert panoptic.dtype == np.int32 and panoptic.shape == SIZE
        np.testing.assert_array_equal(panoptic[:height, :width], expected)
        assert (panoptic[height:] == void).all() and (panoptic[:, width:] == void).all()
        values = set(np.unique(expected).tolist()) - {void}
        assert set(ids[ids >= 0].tolist()) == values
        for value in values:
            assert areas[ids == value].sum() == (expected == value).sum()
            assert set(labels[ids == value].tolist()) == {value % 1000}
        assert ((0 <= scores) & (scores <= 1)).all()
        found_segments += len(values)
    assert found_segments >= 5 * len(CONTENTS)


@pytest.mark.slow
def test_logits_come_in_batches_and_sizes(run_export, tmp_path, detector):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    pytest.importorskip('onnxruntime', reason='the file is run in onnxruntime')
    out = tmp_path / 'logits.onnx'
    assert not run_export(out, '--output', 'logits', '--dynamic')
    run = runs(out, 'onnxruntime')
    content = CONTENTS[0]
    images = np.stack([image_of(seed, content) for seed in range(3)])
    cls_logits, mask_logits = run(images, content)
    inputs = [torch.from_numpy(image[:64, :96, ::-1].transpose(2, 0, 1).copy()) for image in images]
    batch = detector.data_preprocessor(dict(inputs=inputs, data_samples=None))
    with torch.no_grad():
        expected = detector(batch['inputs'], mode='tensor')
    np.testing.assert_allclose(cls_logits, expected[0], atol=1e-3)
    scale = expected[1].std().item()
    np.testing.assert_allclose(mask_logits / scale, expected[1] / scale, atol=1e-3)
    # Of another size than it was exported at.
    image = np.random.default_rng(0).integers(0, 256, (129, 161, 3), np.uint8)
    normalised = torch.from_numpy(image.transpose(2, 0, 1)[None] / np.float32(127.5) - 1)
    with torch.no_grad():
        expected = detector(normalised, mode='tensor')
    found = run(image[None], (129, 161))
    np.testing.assert_allclose(found[0], expected[0], atol=1e-3)
    np.testing.assert_allclose(found[1] / scale, expected[1] / scale, atol=1e-3)


@pytest.mark.slow
def test_half_precision_leaves_the_decisions_in_full(run_export, exported, tmp_path, capsys):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    pytest.importorskip('onnxruntime', reason='the file is run in onnxruntime')
    import onnx

    out = tmp_path / 'half.onnx'
    assert not run_export(out, '--precision', 'fp16')
    assert '% of the pixels equal' in capsys.readouterr().out
    tensors = {tensor.name: tensor.data_type for tensor in onnx.load(out).graph.initializer}
    half = {name for name, kind in tensors.items() if kind == onnx.TensorProto.FLOAT16}
    full = {name for name, kind in tensors.items() if kind == onnx.TensorProto.FLOAT}
    for part, kept in dict(
        backbone=half, pixel_decoder=half, transformer_decoder=full, predictor=full
    ).items():
        named = {name for name in half | full if f'.{part}.' in name and name.endswith('weight')}
        named = {n for n in named if part != 'predictor' or 'transformer_decoder' not in n}
        assert named and named <= kept
    assert out.stat().st_size < exported.stat().st_size


def test_it_says_all_that_whoever_runs_it_has_to_know(metadata, lively_weights):
    assert (metadata['format'], metadata['format_version']) == ('kmax-deeplab', 1)
    assert (metadata['output'], metadata['precision']) == ('maps', 'fp32')
    assert (metadata['rules'], metadata['merges_at']) == ('deeplab2', 'input')
    assert metadata['size'] == [*SIZE]
    assert metadata['num_things'] == 2
    named = [(entry['name'], entry['isthing'], entry['color']) for entry in metadata['classes']]
    assert named == [
        ('box', True, [9, 9, 9]),
        ('ball', True, [0, 9, 9]),
        ('sky', False, [9, 0, 9]),
    ]
    assert metadata['thresholds']['pixel_confidence_threshold'] == 0.34
    assert (metadata['decoder'], metadata['resize']) == ('cv2', dict(rule='none'))
    digest = hashlib.sha256(lively_weights.read_bytes()).hexdigest()
    assert metadata['checkpoint'] == dict(name='lively.pth', sha256=digest)
    assert metadata['config'] == 'everything.py'


def test_any_engine_can_read_it_and_it_tells_nothing_of_this_machine(exported):
    import onnx

    model = onnx.load(exported)
    onnx.checker.check_model(model)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [('', 18)]
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == dict(
        image=[1, *SIZE, 3],
        content=[2],
        panoptic=[*SIZE],
        **dict.fromkeys(('ids', 'labels', 'scores', 'areas'), [8]),
    )
    assert {node.domain for node in model.graph.node} == {''}
    # All but the metadata, whose config is called so.
    graph = exported.read_bytes().partition(b'{"format"')[0]
    assert not re.search(rb'\w\.py\b|site-packages|stack_trace', graph)


@pytest.mark.parametrize(
    ('words', 'options', 'message'),
    [
        (['--size', 33, 97], [], r'argument --size: \[33, 97\] must be at least 64 each'),
        (['--min-equal', '1.5'], [], "--min-equal: must be a number from 0 to 1, not '1.5'"),
        (['--dynamic'], [], '--dynamic is for --output logits: .* a file for each size'),
        (['--no-check', '--min-equal', '0.5'], [], '--min-equal are for the comparison'),
        (
            [],
            ['model.test_cfg.pixel_confidence_threshold=0.2'],
            'pixel_confidence_threshold is 0.2: up to 1/3 .* --output logits',
        ),
        (
            [],
            ['model.data_preprocessor.type=DetDataPreprocessor'],
            'normalises by DetDataPreprocessor.* set model.data_preprocessor.type',
        ),
        (['--images', 'nowhere'], [], 'nowhere is not a folder of images'),
    ],
)
def test_what_cannot_be_exported_is_refused(
    run_export, tmp_path, capsys, monkeypatch, words, options, message
):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    # Before anything is traced.
    monkeypatch.setattr(exporting, 'to_onnx', None)
    assert run_export(tmp_path / 'out.onnx', *words, options=options) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_place_for_it_are_refused(run_export, folder, tmp_path, capsys):
    (tmp_path / 'folder.onnx').mkdir()
    (tmp_path / 'file').write_text('kept')
    for out, message in {
        tmp_path / 'folder.onnx': 'folder.onnx is a folder; name the file to write',
        tmp_path / 'file' / 'out.onnx': 'file is no folder',
        tmp_path / 'out.pth': 'out.pth must end in .onnx',
    }.items():
        assert run_export(out) == 2
        assert message in capsys.readouterr().err
    assert run_export(tmp_path / 'out.onnx', weights=tmp_path / 'none.pth') == 2
    assert 'none.pth does not exist' in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'folder.onnx']
    assert (tmp_path / 'file').read_text() == 'kept'


def test_a_checkpoint_of_another_model_is_refused(run_export, tmp_path, capsys):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    other = tmp_path / 'other.pth'
    torch.save(dict(state_dict={'backbone.other': torch.zeros(3)}), other)
    assert run_export(tmp_path / 'out.onnx', weights=other) == 2
    assert 'other.pth' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['other.pth']


def test_missing_packages_are_named_with_how_to_get_them(run_export, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(exporting, 'NEEDED', ('onnx', 'no_such_package'))
    assert run_export(tmp_path / 'out.onnx') == 2
    message = 'no_such_package, not installed here: run "pip install \'kmax-deeplab[export]\'"'
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('broken', ['other maps', 'full disk'])
def test_nothing_is_left_of_a_file_that_is_not_right(
    broken, exported, run_export, tmp_path, capsys, monkeypatch
):
    """What is traced is known; what differs is what the engine makes of it."""
    import onnx

    monkeypatch.setattr(exporting, 'to_onnx', lambda *_: onnx.load(exported))
    out = tmp_path / 'out.onnx'
    if broken == 'other maps':
        monkeypatch.setattr(checking, 'open_engine', _always_void)
        assert run_export(out) == 2
        assert re.search(
            r'in onnxruntime only \d+\.\d+% of the pixels .* less than 99.9900%: .*out.onnx is not '
            'written; --min-equal takes another share',
            capsys.readouterr().err,
        )
    else:
        with files_limited_to(2**14):
            assert run_export(out, '--no-check') == 2
        assert 'out.onnx: File too large' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def _always_void(*_):
    """Return an engine that finds nothing."""
    return SimpleNamespace(run=lambda inputs: dict(panoptic=np.full(SIZE, 3, np.int32)))
