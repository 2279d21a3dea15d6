"""Where the pixels of one view of an image lie in another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from .postprocess import Frame

FLIPPED_AXES = {None: (), 'horizontal': (1,), 'vertical': (0,), 'diagonal': (0, 1)}


@dataclass(frozen=True)
class ViewGeometry:
    """A resized, mirrored and padded image.

    Corners are aligned everywhere, as in all of the original's resizing: the first and the last
    mask pixel lie on the first and the last pixel of the padded input, and those of the image
    within it on those of the original image. Where mmdet resized the image, which aligns its
    outer edges, views of different sizes are off by less than a pixel of the smaller one.

    Attributes:
        padded: ``(H, W)`` of the network's input.
        content: ``(H, W)`` of its upper left part that shows the image.
        flipped: Axes along which the image is mirrored.
    """

    padded: tuple[int, int]
    content: tuple[int, int]
    flipped: tuple[int, ...] = ()

    @classmethod
    def from_metainfo(cls, metainfo: Mapping[str, Any]) -> Self:
        """Read a data sample's metainfo.

        Raises:
            ValueError: If ``flip_direction`` is unknown.
        """
        frame = Frame.from_metainfo(metainfo, rescale=False)
        direction = metainfo.get('flip_direction') if metainfo.get('flip') else None
        if direction not in FLIPPED_AXES:
            known = sorted(filter(None, FLIPPED_AXES))
            raise ValueError(f'flip_direction is {direction!r}, expected one of {known}')
        return cls(frame.padded, frame.content, FLIPPED_AXES[direction])

    def inside(self, size: Sequence[int]) -> Tensor:
        """Return where masks ``(h, w)`` = ``size`` show the image and not its padding."""
        rows, columns = (self._share(axis, size[axis]) <= 1 for axis in (0, 1))
        return rows[:, None] & columns

    def bring_onto(self, target: 'ViewGeometry', size: Sequence[int], masks: Tensor) -> Tensor:
        """Resample masks ``(N, h', w')`` of this view bilinearly at the mask pixels of another.

        ``size`` is the ``(h, w)`` of the other's masks. Outside this view are the values of its
        border.
        """
        for axis in (0, 1):
            share = target._share(axis, size[axis])
            if (axis in self.flipped) != (axis in target.flipped):
                share = 1 - share
            places = masks.shape[1 + axis]
            step = (self.content[axis] - 1) / max(self.padded[axis] - 1, 1) * (places - 1)
            masks = _sample(masks, 1 + axis, (share * step).clamp(0, places - 1))
        return masks

    def _share(self, axis: int, places: int) -> Tensor:
        """How far each mask pixel is along the image, 0 to 1, beyond 1 in the padding; float64."""
        steps = torch.arange(places, dtype=torch.float64) * (self.padded[axis] - 1)
        return steps / max((places - 1) * (self.content[axis] - 1), 1)


def _sample(values: Tensor, dim: int, position: Tensor) -> Tensor:
    lower = position.floor().long()
    upper = (lower + 1).clamp(max=values.shape[dim] - 1)
    shape = [-1 if axis == dim else 1 for axis in range(values.ndim)]
    weight = (position - lower).to(values).view(shape)
    below, above = (values.index_select(dim, index.to(values.device)) for index in (lower, upper))
    return below.lerp_(above, weight)
