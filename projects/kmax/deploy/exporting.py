"""From a model to the bytes of a file of ONNX."""

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kmax_deeplab.exported.levels import RESIDUAL
from kmax_deeplab.exported.onnx_file import ENTRY

from ..models import KMaXDeepLab
from .graph import DeployedModel, build_maps
from .metadata import encode
from .pipelines import fills_longer_side, has_fractions

OPSET = 18
"""Providers on GPUs lack kernels of later ones."""

INPUTS = ('image', 'content', RESIDUAL)
OUTPUTS = dict(
    maps=('panoptic', 'ids', 'labels', 'scores', 'areas'), logits=('cls_logits', 'mask_logits')
)
NEEDED = ('onnx', 'onnxscript')
_VALUES = ('input', 'output', 'initializer')


def refuse_missing_exporter() -> None:
    """Raise a ModuleNotFoundError where the packages that write ONNX are missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f'exporting needs {" and ".join(missing)}, not installed here: '
            'run "pip install \'kmax-deeplab[export]\'"',
            name=missing[0],
        )


def export_model(detector: KMaXDeepLab, metadata: dict[str, Any]) -> bytes:
    """Return the bytes of a file that is what its metadata say, of :func:`~.metadata.describe`."""
    height, width = metadata['size']
    size, output = (height, width), metadata['output']
    fills = fills_longer_side(metadata['resize'], size)
    graph = build_graph(detector, size, output, fills, metadata['precision'])
    proto = to_onnx(graph, size, output, metadata['dynamic'], has_fractions(metadata))
    return encode_model(proto, metadata)


def build_graph(
    detector: KMaXDeepLab,
    size: tuple[int, int],
    output: str,
    fills: bool = False,
    precision: str = 'fp32',
) -> nn.Module:
    """Return what is exported.

    Args:
        detector: The model.
        size: ``(H, W)`` of the inputs.
        output: ``'maps'`` or ``'logits'``.
        fills: Whether every image fills the longer side of the input.
        precision: Of :data:`~.graph.PRECISIONS`.
    """
    network = DeployedModel(detector, precision).eval()
    return build_maps(network, detector, size, fills).eval() if output == 'maps' else network


@torch.no_grad()
def to_onnx(
    graph: nn.Module,
    size: tuple[int, int],
    output: str,
    any_size: bool = False,
    fractions: bool = False,
) -> Any:
    """Return the ``ModelProto`` of a graph of :func:`build_graph`.

    Args:
        graph: What is exported.
        size: ``(H, W)`` of the inputs.
        output: ``'maps'`` or ``'logits'``.
        any_size: Whether logits are given of inputs of any size of the form 32k + 1.
        fractions: Whether what rounding took from the images may be given, too.
    """
    # The merge is for one image; a batch of one would be taken for a constant.
    one = output == 'maps'
    images = torch.zeros((1 if one else 2, *size, 3), dtype=torch.uint8)
    sides: dict[int, Any] = {0: torch.export.Dim.STATIC if one else torch.export.Dim('batch')}
    if any_size:
        sides |= dict.fromkeys((1, 2), torch.export.Dim.AUTO)
    example: tuple[Tensor, ...] = images, torch.tensor(size)
    shapes: tuple[Any, ...] = sides, None
    if fractions:
        example, shapes = (*example, images.float()), (*shapes, sides)
    # Embeddings that are gathered once per size must be there before what runs is symbolic.
    graph(*example)
    with _quiet():
        program = torch.export.export(graph, example, dynamic_shapes=shapes, strict=False)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(INPUTS[: len(example)]),
            output_names=list(OUTPUTS[output]),
            verbose=False,
        )
    assert exported is not None
    proto = _without_traces(exported.model_proto)
    if fractions:
        _make_optional(proto.graph, RESIDUAL)
    return proto


def _make_optional(graph: Any, name: str) -> None:
    """Let an input ``(B, H, W, 3)`` be 0 where it is not given."""
    from onnx import numpy_helper

    dims = next(value for value in graph.input if value.name == name).type.tensor_type.shape.dim
    for dim, symbol in zip(dims, ('images', 'rows', 'columns'), strict=False):
        # A default is one pixel, which is added to all of them.
        dim.dim_param = symbol
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1, 1, 3), np.float32), name))


def encode_model(proto: Any, metadata: dict[str, Any]) -> bytes:
    """Return the bytes of a file with its metadata."""
    del proto.metadata_props[:]
    proto.metadata_props.add(key=ENTRY, value=encode(metadata))
    return proto.SerializeToString()


def _without_traces(proto: Any) -> Any:
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
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which warns of packages that nothing here needs, and of its steps."""
    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'onnxscript', 'onnx_ir')]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
