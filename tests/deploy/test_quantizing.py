"""Integers of 8 bits: what is quantised, what the values are, what the command refuses."""

import json
import re
import tempfile

import cv2
import numpy as np
import pytest
from helpers import files_limited_to

from projects.kmax.deploy import exporting, protos, quantizing

SIDE = 16


@pytest.fixture
def graph():
    """A convolution with ReLU of the backbone, GELU, and a convolution that decides."""
    onnx = pytest.importorskip('onnx', reason='graphs are made by it')
    pytest.importorskip('onnxruntime', reason='it quantises')
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    values = dict(
        w=rng.normal(size=(8, 3, 3, 3)).astype(np.float32),
        v=rng.normal(size=(4, 8, 1, 1)).astype(np.float32),
        root=np.sqrt(np.float32(2)),
        one=np.float32(1),
        half=np.float32(0.5),
    )
    # Channels of another size each: one scale for all would lose the small ones.
    values['w'] *= 10.0 ** -np.arange(8, dtype=np.float32)[:, None, None, None] / 4
    layers = [
        ('Conv', ('image', 'w'), 'convolved', 'network.model.backbone.conv1'),
        ('Relu', ('convolved',), 'cut', 'network.model.backbone'),
        ('Div', ('cut', 'root'), 'divided', ''),
        ('Erf', ('divided',), 'erf', ''),
        ('Add', ('erf', 'one'), 'more', ''),
        ('Mul', ('half', 'more'), 'halved', ''),
        ('Mul', ('cut', 'halved'), 'gelu', ''),
        ('Conv', ('gelu', 'v'), 'out', 'network.model.panoptic_head.predictor.pixel_head'),
    ]
    nodes = []
    for kind, inputs, output, scope in layers:
        node = helper.make_node(kind, inputs, [output], name=f'node_{output}')
        scopes = str(['', 'network', scope, output])
        node.metadata_props.add(key='pkg.torch.onnx.name_scopes', value=scopes)
        nodes.append(node)
    made = helper.make_graph(
        nodes,
        'graph',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info('out', TensorProto.FLOAT, [1, 4, SIDE - 2, SIDE - 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    opsets = [helper.make_opsetid('', exporting.OPSET)]
    return onnx.shape_inference.infer_shapes(helper.make_model(made, opset_imports=opsets))


def images(count):
    rng = np.random.default_rng(1)
    return [
        dict(image=rng.normal(size=(1, 3, SIDE, SIDE)).astype(np.float32)) for _ in range(count)
    ]


def run(proto, image):
    from onnxruntime import InferenceSession

    return InferenceSession(proto.SerializeToString()).run(None, image)[0]


def test_gelu_is_written_in_another_order_with_the_same_values(graph):
    from onnx.reference import ReferenceEvaluator

    (image,) = images(1)
    before = ReferenceEvaluator(graph).run(None, image)[0]
    protos.fuse_gelu(graph)
    *_, first, second, _ = graph.graph.node
    assert list(first.input) == ['cut', 'more']
    assert list(second.input) == ['half', 'halved']
    np.testing.assert_array_equal(ReferenceEvaluator(graph).run(None, image)[0], before)


def test_layers_of_the_backbone_are_quantised_and_no_others(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    expected = [run(graph, image) for image in images(4)]
    found = quantizing.quantize(graph, images(4))
    assert not list(tmp_path.iterdir())
    assert [(entry.domain, entry.version) for entry in found.opset_import] == [('', 18)]
    kinds = {tensor.name: tensor.data_type for tensor in found.graph.initializer}
    assert kinds['w_quantized'] == 3 and 'w' not in kinds and kinds['v'] == 1
    scales = {tensor.name: tensor.dims for tensor in found.graph.initializer}
    assert list(scales['w_scale']) == [8]
    for image, values in zip(images(4), expected, strict=True):
        error = run(found, image) - values
        assert 0 < np.abs(error).mean() < 0.02 * values.std()


def test_no_room_for_temporary_files_is_told(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    with (
        files_limited_to(2**9),
        pytest.raises(OSError, match='File too large; int8 .* TMPDIR') as e,
    ):
        quantizing.quantize(graph, images(1))
    assert e.value.filename == str(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_quantised_is_known_by_its_module(graph):
    chosen = [node.name for node in quantizing.choose_nodes(graph)]
    assert chosen == ['node_convolved', 'node_cut']


@pytest.fixture
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pictures')
    for number in range(6):
        small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        image = cv2.resize(small, (97, 65), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{number}.png'), image)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('output', ['maps', 'logits'])
def test_a_file_in_integers(output, run_export, exported, pictures, tmp_path, capsys, monkeypatch):
    import onnx

    temporary, out = tmp_path / 'temporary', tmp_path / 'int8.onnx'
    temporary.mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
    words = ('--precision', 'int8', '--calibrate', pictures, '--images', pictures)
    assert not run_export(out, *words, '--output', output)
    assert not list(temporary.iterdir())
    (share,) = re.findall(r'onnxruntime +([\d.]+)% of the pixels equal', capsys.readouterr().out)
    assert float(share) > 90
    model = onnx.load(out)
    onnx.checker.check_model(model)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [('', 18)]
    assert {node.domain for node in model.graph.node} == {''}
    tensors = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    convolutions = [node.input[1] for node in model.graph.node if node.op_type == 'Conv']
    for weight in convolutions:
        is_quantised = '.backbone.' in weight or '.pixel_decoder.' in weight
        assert (weight in makers) == is_quantised, weight
        if is_quantised:
            assert tensors[makers[weight].input[0]] == onnx.TensorProto.INT8
    assert out.stat().st_size < 0.7 * exported.stat().st_size
    metadata = json.loads(model.metadata_props[0].value)
    assert (metadata['precision'], metadata['calibrated_on']) == ('int8', 6)
    assert not re.search(rb'site-packages|stack_trace', out.read_bytes())


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['int8'], '--precision int8 needs --calibrate DIR'),
        (['fp16', '--calibrate', 'pictures'], '--calibrate is for --precision int8, not fp16'),
        (['int8', '--calibrate', 'nowhere'], 'nowhere is not a folder of images'),
        (['int8', '--calibrate', 'empty'], 'empty holds no image'),
        (['int8', '--calibrate', 'damaged'], 'damaged/6.png cannot be read as an image'),
    ],
)
def test_what_cannot_be_calibrated_on_is_refused(
    words, message, run_export, pictures, tmp_path, capsys, monkeypatch
):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    pytest.importorskip('onnxruntime', reason='it quantises')
    monkeypatch.setattr(exporting, 'to_onnx', None)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'damaged').mkdir()
    (tmp_path / 'damaged' / '6.png').write_bytes(b'no image')
    (tmp_path / 'pictures').symlink_to(pictures)
    monkeypatch.chdir(tmp_path)
    assert run_export(tmp_path / 'out.onnx', '--precision', *words) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert message in line
    assert not list(tmp_path.glob('*.onnx'))


def test_what_quantises_is_named_where_it_is_missing(
    run_export, pictures, tmp_path, capsys, monkeypatch
):
    pytest.importorskip('onnxscript', reason='exporting needs onnx and onnxscript')
    find_spec = quantizing.importlib.util.find_spec
    monkeypatch.setattr(
        quantizing.importlib.util,
        'find_spec',
        lambda name: None if name == 'onnxruntime' else find_spec(name),
    )
    words = ('--precision', 'int8', '--calibrate', pictures)
    assert run_export(tmp_path / 'out.onnx', *words) == 2
    assert '--precision int8 needs onnxruntime' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
