"""The losses of one prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from .interface import LossInputs


class LossTerms(nn.ModuleDict):
    """Losses by the names of their terms; in one call, so that one graph can hold them all."""

    def forward(
        self, inputs: LossInputs, names: Sequence[str], noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the terms of a prediction by name.

        Args:
            inputs: What the losses are computed from.
            names: Those that apply to the prediction.
            noise: Gumbel draws ``(B, noise_length)`` of those that sample.
        """
        return {name: self[name](replace(inputs, noise=noise.get(name))) for name in names}
