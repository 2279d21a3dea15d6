"""Files as ``kmax-deeplab export`` writes them, of a network that only looks at the colours."""

import json

import numpy as np
import pytest

from kmax_deeplab.exported.levels import RESIDUAL

CLASSES = [
    dict(name='box', isthing=True, color=[220, 20, 60], category_id=2),
    dict(name='ball', isthing=True, color=[0, 0, 142], category_id=3),
    dict(name='sky', isthing=False, color=[70, 130, 180], category_id=1),
]
VOID = len(CLASSES)
VALUES = (1000, 2001, 2, VOID)
"""What the levels 0 to 3 of red become: two things, stuff, and void."""

SCORES = (0.5, 0.25, 0.75, 0.0)
ALIGNED, FIT = (
    dict(rule=rule, backend=backend, interpolation='bilinear', keep_ratio=True)
    for rule, backend in (('aligned', 'cv2'), ('fit', 'pillow'))
)


def contract(size, **changes):
    """Return the metadata of a file for inputs of a size (H, W)."""
    fields = dict(
        format='kmax-deeplab',
        format_version=1,
        output='maps',
        precision='fp32',
        rules='deeplab2',
        classes=CLASSES,
        num_things=2,
        size=list(size),
        decoder='cv2',
        resize=dict(rule='none'),
        merges_at='input',
        thresholds={},
    )
    return {**fields, **changes}


def write_file(path, size, fractions=False, metadata=None, **changes):
    """Write a file whose map holds ``VALUES`` of the levels of red, and return its path.

    Args:
        path: The file.
        size: (H, W) of its input.
        fractions: Whether it takes what rounding took from the levels, too; it truncates the sum.
        metadata: All of the file's, in place of a contract.
        **changes: Of the contract; a file that merges at the output's size is given that, too.
    """
    onnx = pytest.importorskip('onnx', reason='onnx, which writes the files of tests, is absent')
    from onnx import TensorProto, helper, numpy_helper

    constants = dict(
        values=np.array(VALUES, np.int32),
        zero=np.array(0, np.int64),
        last=np.array(len(VALUES) - 1, np.int64),
        ids=np.array([1000, 2001, 2, -1], np.int32),
        labels=np.array([0, 1, 2, 0], np.int32),
        scores=np.array(SCORES, np.float32),
    )
    nodes = [
        helper.make_node('Cast', ['image'], ['rounded'], to=TensorProto.FLOAT),
        helper.make_node('Add', ['rounded', RESIDUAL], ['levels_']),
        helper.make_node('Gather', ['levels_', 'zero'], ['red'], axis=3),
        helper.make_node('Cast', ['red'], ['index'], to=TensorProto.INT64),
        helper.make_node('Min', ['index', 'last'], ['level']),
        helper.make_node('Squeeze', ['level', 'first'], ['flat']),
        helper.make_node('Gather', ['values', 'flat'], ['panoptic'], axis=0),
        helper.make_node('Cast', ['content'], ['areas'], to=TensorProto.INT32),
        *(helper.make_node('Identity', [f'{n}_'], [n]) for n in ('ids', 'labels', 'scores')),
    ]
    constants = {
        f'{k}_' if k in ('ids', 'labels', 'scores') else k: v for k, v in constants.items()
    }
    constants['first'] = np.array([0], np.int64)
    constants[RESIDUAL] = np.zeros((1, 1, 1, 3), np.float32)
    inputs = dict(
        image=(TensorProto.UINT8, (1, *size, 3)),
        content=(TensorProto.INT64, (2,)),
    )
    if fractions:
        inputs[RESIDUAL] = TensorProto.FLOAT, (1, 'rows', 'columns', 3)
    if changes.get('merges_at') == 'output':
        inputs['output'] = TensorProto.INT64, (2,)
    graph = helper.make_graph(
        nodes,
        'colours',
        [helper.make_tensor_value_info(name, *given) for name, given in inputs.items()],
        [
            helper.make_tensor_value_info('panoptic', TensorProto.INT32, tuple(size)),
            helper.make_tensor_value_info('ids', TensorProto.INT32, (4,)),
            helper.make_tensor_value_info('labels', TensorProto.INT32, (4,)),
            helper.make_tensor_value_info('scores', TensorProto.FLOAT, (4,)),
            helper.make_tensor_value_info('areas', TensorProto.INT32, (2,)),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid('', 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    if metadata is None:
        metadata = dict(kmax=json.dumps(contract(size, **changes)))
    helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def exported(tmp_path):
    """Return a function that writes a file into the test's folder, as :func:`write_file`."""
    pytest.importorskip('onnxruntime', reason='onnxruntime, which runs the files, is absent')

    def write(size=(65, 97), *args, **options):
        return write_file(tmp_path / 'model.onnx', size, *args, **options)

    return write
