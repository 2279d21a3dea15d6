"""Models that make a copy of themselves for prediction, without batch norms."""

import copy
from typing import Any, Self

from .layers.folding import choose_kernels, fold_norms


class MakesFolded:
    """Part of a model that can be folded; comes before the class of OpenMMLab."""

    is_folded = False

    def fold(self) -> Self:
        """Return a copy for inference that has no batch norms: they are part of its other layers.

        Its results are those of this model but for rounding. It neither trains nor makes a
        checkpoint.
        """
        model: Any = copy.deepcopy(self)
        model.eval()
        fold_norms(model)
        choose_kernels(model)  # Those that took in a norm are plain again.
        model.is_folded = True
        return model

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a folded model only predicts."""
        if mode and self.is_folded:
            raise RuntimeError('a folded model only predicts: train the model that it was made of')
        module: Any = super()
        return module.train(mode)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the weights; those of a folded model would not fit any config."""
        if self.is_folded:
            raise RuntimeError(
                'a folded model makes no checkpoint: save the model that it was made of'
            )
        module: Any = super()
        return module.state_dict(*args, **kwargs)
