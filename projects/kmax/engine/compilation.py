"""``torch.compile`` of the parts of a model that are all arithmetic."""

from typing import Any

import torch

from .model_parts import unwrap_model

PARTS = (
    'backbone',
    'neck',
    *('panoptic_head', 'decode_head', 'semantic_head'),
    *(
        f'{head}.{part}'
        for head in ('panoptic_head', 'decode_head')
        for part in ('pixel_decoder', 'transformer_decoder', 'predictor')
    ),
)
"""Modules whose forward is compiled; of those within another one, the outermost that is called."""

LOSSES = tuple(
    f'{head}.criterion.{part}'
    for head in ('panoptic_head', 'decode_head')
    for part in ('softmax', 'losses')
)
"""Modules of the criterion that compute losses of one prediction after the matching."""


def compile_model(model: Any, backend: str = 'inductor') -> None:
    """Compile a model in place: the network, from normalised images to logits, and its losses.

    Each size of the input is compiled by itself, when it first comes, and with each the losses of
    predictions of several sizes and any number of masks. Matching and merging, in which the host
    takes part, stay as they are. Torch compiles a part for at most
    ``torch._dynamo.config.recompile_limit`` (8) sizes and modes; further ones run uncompiled.

    Args:
        model: A model, wrapped for distributed training or not; its weights keep their names.
        backend: What turns graphs into code, as ``torch.compile`` calls it.

    Raises:
        RuntimeError: If this machine cannot compile, as it has no C++ compiler.
    """
    model = unwrap_model(model)
    check_compiler(next(model.parameters()).device, backend)
    parts = dict(model.named_modules())
    for name in PARTS:
        if name in parts:
            parts[name].compile(backend=backend, dynamic=False)
    for name in LOSSES:
        if name in parts:
            # What differs between predictions and batches becomes a variable, the rest does not.
            parts[name].compile(backend=backend, dynamic=None)


def check_compiler(device: Any, backend: str = 'inductor', option: str = '--compile') -> None:
    """Raise a RuntimeError that says why if ``torch.compile`` does not work on a device here.

    Args:
        device: Where the model is.
        backend: Of ``torch.compile``.
        option: What asks for it, as messages call it.
    """
    try:
        with torch.no_grad():
            value = torch.zeros(1, device=device)
            torch.compile(torch.sin, backend=backend, dynamic=False)(value)
    # Torch wraps what goes wrong in its own and in the compiler's errors.
    except Exception as error:
        reason = str(error).strip().partition('\n')[0]
        raise RuntimeError(
            f'torch.compile does not work here, which {option} needs: {reason} (it takes a C++ '
            'compiler, such as g++, or the one that CXX names)'
        ) from error
