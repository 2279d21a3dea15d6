"""Most of an exported graph in integers of 8 bits, by what images make of it."""

import ast
import errno
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kmax_deeplab.exported.engines import Arrays

PARTS = ('backbone', 'pixel_decoder')
"""Modules whose layers are quantised; what decides which pixel is whose stays in float32."""

PREPARED = {'onnx.quant.pre_process': 'onnxruntime.quant'}
"""Says that the graph is folded and its shapes are known, which onnxruntime else warns of."""

COPIES = 4
"""Of the model in temporary files, at most."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of errors that say that a file has no more room."""

_SCOPES, _CLASSES = 'pkg.torch.onnx.name_scopes', 'pkg.torch.onnx.class_hierarchy'
_LINEAR = 'torch.nn.modules.linear.Linear'


def refuse_missing_quantizer() -> None:
    """Raise a ModuleNotFoundError where the package that quantises is missing."""
    if importlib.util.find_spec('onnxruntime') is None:
        raise ModuleNotFoundError(
            '--precision int8 needs onnxruntime, not installed here: run "pip install onnxruntime"',
            name='onnxruntime',
        )


def quantize(proto: Any, inputs: Iterable[Arrays]) -> Any:
    """Return a ``ModelProto`` whose backbone and pixel decoder compute in 8 bits.

    Weights are signed and have a scale per output channel, activations are unsigned and have one
    per tensor, from the least to the largest value that they take. All is written as pairs of
    ``QuantizeLinear`` and ``DequantizeLinear``, which each engine fuses with what is between them.

    Args:
        proto: Of :func:`~.exporting.to_onnx`, with what the exporter notes of modules; is changed.
        inputs: What the file takes, of images like those that it is for.

    Raises:
        OSError: If the folder for temporary files has no place for some copies of the model.
    """
    from onnx import helper

    nodes = choose_nodes(proto)
    helper.set_model_props(proto, PREPARED)
    with tempfile.TemporaryDirectory(prefix='kmax-int8-') as folder:
        try:
            # Of what is written by others not all say that it has no place.
            if shutil.disk_usage(folder).free < COPIES * proto.ByteSize():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return _quantize_in(Path(folder), proto, nodes, inputs)
        except OSError as error:
            if error.errno not in FULL:
                raise
            reason = f'{error.strerror}; int8 needs room for copies of the model, where TMPDIR says'
            raise OSError(error.errno, reason, tempfile.gettempdir()) from error


def _quantize_in(folder: Path, proto: Any, nodes: list[Any], inputs: Iterable[Arrays]) -> Any:
    """Quantise nodes by onnxruntime, which goes from file to file."""
    import onnx_ir
    from onnxruntime.quantization import QuantType, quantize_static

    # It would move the weights out of a proto that it is given.
    source, target = folder / 'float.onnx', folder / 'int8.onnx'
    source.write_bytes(proto.SerializeToString())
    quantize_static(
        source,
        target,
        _Reader(inputs),
        op_types_to_quantize=sorted({node.op_type for node in nodes}),
        nodes_to_quantize=[node.name for node in nodes],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options=dict(QDQOpTypePerChannelSupportToAxis=dict(MatMul=1)),
    )
    model = onnx_ir.load(target)
    # Its nodes are sorted without a look at what bodies of loops read.
    model.graph.sort()
    return onnx_ir.to_proto(model)


class _Reader:
    """Gives onnxruntime one input after another."""

    def __init__(self, inputs: Iterable[Arrays]) -> None:
        self._inputs = iter(inputs)

    def get_next(self) -> Arrays | None:
        return next(self._inputs, None)


def choose_nodes(proto: Any) -> list[Any]:
    """Return the nodes to quantise of a graph with what the exporter notes of modules.

    They are the convolutions and linear layers of :data:`PARTS`, and ReLU: what it cuts off needs
    no integers.
    """

    def is_chosen(node: Any) -> bool:
        # Others multiply activations, or tables of relative positions.
        is_linear = node.op_type == 'MatMul' and _notes(node, _CLASSES)[-2:-1] == [_LINEAR]
        return is_linear or node.op_type in ('Conv', 'Relu')

    return [node for node in proto.graph.node if is_chosen(node) and _is_quantised(node)]


def _is_quantised(node: Any) -> bool:
    """Tell whether a node belongs to one of :data:`PARTS`."""
    return any(part in scope.split('.') for scope in _notes(node, _SCOPES) for part in PARTS)


def _notes(node: Any, key: str) -> list[str]:
    noted = {entry.key: entry.value for entry in node.metadata_props}
    return ast.literal_eval(noted.get(key, '[]'))
