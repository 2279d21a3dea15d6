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


def compile_network(model: Any) -> None:
    """Compile a model's network, from normalised images to logits, in place.

    Each size of the input is compiled by itself, when it first comes. Matching, losses and merging
    stay as they are.

    Raises:
        RuntimeError: If this machine cannot compile, as it has no C++ compiler.
    """
    check_compiler()
    model = unwrap_model(model)
    parts = dict(model.named_modules())
    for name in PARTS:
        if name in parts:
            parts[name].compile(dynamic=False)


def check_compiler() -> None:
    """Raise a RuntimeError that says why if ``torch.compile`` does not work here."""
    torch.compiler.reset()
    try:
        with torch.no_grad():
            torch.compile(torch.sin, dynamic=False)(torch.zeros(1))
    # Torch wraps what goes wrong in its own and in the compiler's errors.
    except Exception as error:
        reason = str(error).strip().partition('\n')[0]
        raise RuntimeError(
            f'torch.compile does not work here, which --compile needs: {reason} (it takes a C++ '
            'compiler, such as g++, or the one that CXX names)'
        ) from error
