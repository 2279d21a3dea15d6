"""From a model to the bytes of a file of ONNX."""

import importlib.util
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from kmax_deeplab.exported.contract import KEY
from kmax_deeplab.exported.engines import Arrays

from ..models import KMaXDeepLab
from .graph import DeployedModel, build_maps
from .metadata import encode
from .pipelines import fills_longer_side, has_fractions
from .quantizing import quantize

OPSET = 18
"""Providers on GPUs lack kernels of later ones."""

INPUTS = ('image', 'content')
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


def export_model(
    detector: KMaXDeepLab, metadata: dict[str, Any], inputs: Iterable[Arrays] = ()
) -> bytes:
    """Return the bytes of a file that is what its metadata say.

    Args:
        detector: The model.
        metadata: Of :func:`~.metadata.describe`.
        inputs: Of the file, to calibrate on with the precision ``'int8'``.
    """
    height, width = metadata['size']
    size, output = (height, width), metadata['output']
    fills = fills_longer_side(metadata['resize'], size)
    graph = build_graph(detector, size, output, fills, metadata['precision'])
    dtype = torch.float32 if has_fractions(metadata) else torch.uint8
    proto = to_onnx(graph, size, output, metadata['dynamic'], dtype)
    if metadata['precision'] == 'int8':
        proto = quantize(proto, inputs)
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
    dtype: torch.dtype = torch.uint8,
) -> Any:
    """Return the ``ModelProto`` of a graph of :func:`build_graph`, with the exporter's notes.

    Args:
        graph: What is exported.
        size: ``(H, W)`` of the inputs.
        output: ``'maps'`` or ``'logits'``.
        any_size: Whether logits are given of inputs of any size of the form 32k + 1.
        dtype: Type of the images.
    """
    # The merge is for one image; a batch of one would be taken for a constant.
    one = output == 'maps'
    images = torch.zeros((1 if one else 2, *size, 3), dtype=dtype)
    sides: dict[int, Any] = {0: torch.export.Dim.STATIC if one else torch.export.Dim('batch')}
    if any_size:
        sides |= dict.fromkeys((1, 2), torch.export.Dim.AUTO)
    example = images, torch.tensor(size)
    # Embeddings that are gathered once per size must be there before what runs is symbolic.
    graph(*example)
    with _quiet():
        program = torch.export.export(graph, example, dynamic_shapes=(sides, None), strict=False)
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS[output]),
            verbose=False,
        )
    assert exported is not None
    return exported.model_proto


def encode_model(proto: Any, metadata: dict[str, Any]) -> bytes:
    """Return the bytes of a file with its metadata, and without the exporter's notes."""
    _remove_traces(proto)
    del proto.metadata_props[:]
    proto.metadata_props.add(key=KEY, value=encode(metadata))
    return proto.SerializeToString()


def _remove_traces(proto: Any) -> None:
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which warns of packages that nothing here needs."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
