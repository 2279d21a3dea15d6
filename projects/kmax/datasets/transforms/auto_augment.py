"""The colour augmentation of the original: a small AutoAugment policy."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet.registry import TRANSFORMS

from ...runtime.values import check_number
from . import color_operations
from .arrays import truncate

POLICY = (
    (('sharpness', 0.4, 7), ('brightness', 0.2, 10)),
    (('equalize', 0.0, 9), ('contrast', 0.2, 10)),
    (('sharpness', 0.2, 9), ('color', 0.2, 9)),
    (('solarize', 0.2, 7), ('equalize', 0.6, 9)),
    (('sharpness', 0.2, 1), ('equalize', 0.2, 7)),
)
"""deeplab2's ``simple_classification_policy``: operation, probability and level, up to 10."""


@TRANSFORMS.register_module()
class KMaXAutoAugment(BaseTransform):
    """Apply the original's AutoAugment policy; only colours change, never the map.

    One of five pairs of operations is drawn, then whether each of the two is applied. In any case
    the image is rounded down to uint8 first, so that training images hold integers.

    Required and modified key: ``img``, a BGR image of levels 0 ... 255.

    Args:
        magnitude_scale: Factor of the operations' levels. 1 leaves them at AutoAugment's; the
            original's Cityscapes recipe has 0.2, which makes images darker and blurrier rather
            than augmentation milder, because a factor of 1 would be the identity.
    """

    def __init__(self, magnitude_scale: float = 1.0) -> None:
        check_number('KMaXAutoAugment.magnitude_scale', magnitude_scale, 0)
        self.magnitude_scale = magnitude_scale
        self.policy = [
            [
                (name, probability, *_arguments(name, level * magnitude_scale))
                for name, probability, level in pair
            ]
            for pair in POLICY
        ]

    @cache_randomness
    def _draw_operations(self) -> list[tuple]:
        """Return the names and arguments of the operations to apply, in order."""
        pair = self.policy[np.random.randint(len(self.policy))]
        return [
            (name, *arguments)
            for name, probability, *arguments in pair
            if np.random.random() < probability
        ]

    def transform(self, results: dict) -> dict:
        """Augment the colours of the image."""
        results['img'] = apply_operations(truncate(results['img']), self._draw_operations())
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(magnitude_scale={self.magnitude_scale})'


def _arguments(name: str, level: float) -> tuple:
    """Turn a level into the operation's argument."""
    if name == 'equalize':
        return ()
    if name == 'solarize':
        return (int(level / 10 * 256),)
    return (level / 10 * 1.8 + 0.1,)


def apply_operations(image: np.ndarray, operations: Sequence[tuple]) -> np.ndarray:
    """Apply operations of :mod:`.color_operations` to a BGR uint8 image ``(H, W, 3)``.

    Each is a name, followed by the operation's argument, if it has one.
    """
    for name, *arguments in operations:
        image = getattr(color_operations, name)(image, *arguments)
    return image
