"""From a model to the bytes of a file of ONNX."""

import importlib.util
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from kmax_deeplab.exported.contract import INPUTS, MAPS
from kmax_deeplab.exported.engines import Arrays
from kmax_deeplab.exported.levels import RESIDUAL
from kmax_deeplab.exported.onnx_file import ENTRY

from ..models import KMaXDeepLab
from .graph import DeployedModel, build_maps
from .metadata import encode
from .pipelines import fills_longer_side, has_fractions
from .protos import fuse_gelu, make_optional, remove_traces
from .quantizing import quantize

OPSET = 18
"""Providers on GPUs lack kernels of later ones."""

OUTPUTS = dict(maps=MAPS, logits=('cls_logits', 'mask_logits'))
NEEDED = ('onnx', 'onnxscript')


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
    fractions = has_fractions(metadata)
    proto = to_onnx(graph, size, output, metadata['dynamic'], fractions)
    if metadata['precision'] == 'int8':
        proto = quantize(proto, inputs)
    if fractions:
        make_optional(proto, RESIDUAL)
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
    """Return the ``ModelProto`` of a graph of :func:`build_graph`, with the exporter's notes.

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
            input_names=[*INPUTS, RESIDUAL][: len(example)],
            output_names=list(OUTPUTS[output]),
            verbose=False,
        )
    assert exported is not None
    proto = exported.model_proto
    fuse_gelu(proto)
    return proto


def encode_model(proto: Any, metadata: dict[str, Any]) -> bytes:
    """Return the bytes of a file with its metadata, and without the exporter's notes."""
    remove_traces(proto)
    del proto.metadata_props[:]
    proto.metadata_props.add(key=ENTRY, value=encode(metadata))
    return proto.SerializeToString()


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
