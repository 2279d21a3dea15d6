"""What is done to a graph of ONNX after the exporter has written it."""

from typing import Any

import numpy as np

_VALUES = ('input', 'output', 'initializer')


def make_optional(proto: Any, name: str) -> None:
    """Let an input ``(B, H, W, 3)`` float32 be 0 where it is not given."""
    from onnx import numpy_helper

    graph = proto.graph
    dims = next(value for value in graph.input if value.name == name).type.tensor_type.shape.dim
    for dim, symbol in zip(dims, ('images', 'rows', 'columns'), strict=False):
        # A default is one pixel, which is added to all of them.
        dim.dim_param = symbol
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1, 1, 3), np.float32), name))


def fuse_gelu(proto: Any) -> None:
    """Write GELU as onnxruntime knows it: ``(x * (1 + erf)) * 0.5``, not ``x * (0.5 * (1 + erf))``.

    Halving is exact, so that the values are the same, in float16 up to 32,752. Of R50 a tenth of
    onnxruntime's time were the five operations, which it fuses now.
    """
    from onnx import numpy_helper

    makers = {name: node for node in proto.graph.node for name in node.output}
    halves = {
        tensor.name
        for tensor in proto.graph.initializer
        if not tensor.dims and numpy_helper.to_array(tensor) == 0.5
    }
    for node in proto.graph.node:
        half = makers.get(node.input[1]) if node.op_type == 'Mul' else None
        if half is None or half.op_type != 'Mul' or half.input[0] not in halves:
            continue
        if half.input[1] not in makers:
            continue
        one_more = makers[half.input[1]]
        erf = makers.get(one_more.input[0])
        if one_more.op_type == 'Add' and erf is not None and erf.op_type == 'Erf':
            node.input[0], half.input[0] = half.input[0], node.input[0]


def remove_traces(proto: Any) -> None:
    """Remove what the exporter notes of the code: places on this machine, of no use elsewhere."""
    parts = [proto.graph, *proto.functions]
    while parts:
        part = parts.pop()
        values = [value for kind in _VALUES for value in getattr(part, kind, ())]
        for owner in (part, *part.node, *part.value_info, *values):
            if hasattr(owner, 'metadata_props'):
                del owner.metadata_props[:]
                owner.doc_string = ''
        # Bodies of loops.
        parts += [held.g for node in part.node for held in node.attribute if held.HasField('g')]
    proto.doc_string = ''
