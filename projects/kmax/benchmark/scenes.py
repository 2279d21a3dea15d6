"""Drawn images with segments, as inputs and in place of what untrained networks find."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData, PixelData
from numpy.typing import NDArray
from torch import Tensor

from ..void import IGNORED_LABEL
from .conditions import Conditions

CONFIDENT = 12.0
"""Logit of what a scene shows; softmax and sigmoid alike make it a probability near 1."""


@dataclass(frozen=True)
class Scene:
    """One image.

    Attributes:
        image: ``(3, H, W)`` uint8, grey where it is padded.
        ids: ``(H, W)`` int64: 0 for padding, k for the k-th segment.
        labels: ``(n,)`` int64 class of each segment; things come first.
        num_things: How many classes are things.
        num_classes: Things and stuff.
        conditions: Sizes.
    """

    image: Tensor
    ids: Tensor
    labels: Tensor
    num_things: int
    num_classes: int
    conditions: Conditions

    @classmethod
    def draw(
        cls, conditions: Conditions, num_things: int, num_stuff: int, seed: int = 0
    ) -> 'Scene':
        """Draw segments, each the pixels nearest to a random point; up to a third are stuff."""
        rng = np.random.default_rng(seed)
        count = conditions.segments
        stuff = min(num_stuff, count if num_things == 0 else -(-count // 3))
        labels = np.concatenate(
            [
                rng.integers(0, num_things, count - stuff) if num_things else [],
                num_things + rng.choice(num_stuff, stuff, replace=False) if stuff else [],
            ]
        ).astype(np.int64)
        ids = np.zeros(conditions.size, np.int64)
        height, width = conditions.content
        ids[:height, :width] = _nearest_point(rng, height, width, len(labels)) + 1
        colors = rng.integers(0, 256, (len(labels) + 1, 3))
        colors[0] = 127
        image = colors[ids] + rng.normal(0, 8, (*ids.shape, 3)) * (ids > 0)[..., None]
        return cls(
            image=torch.from_numpy(image.clip(0, 255).astype(np.uint8)).permute(2, 0, 1),
            ids=torch.from_numpy(ids),
            labels=torch.from_numpy(labels),
            num_things=num_things,
            num_classes=num_things + num_stuff,
            conditions=conditions,
        )

    def sample(self) -> DetDataSample:
        """Return the sample of this image, with the ground truth that any panoptic model reads."""
        sample = DetDataSample(
            metainfo=dict(
                img_path='scene',
                img_shape=self.conditions.content,
                ori_shape=self.conditions.output,
                scale_factor=(1.0, 1.0),
                flip=False,
            )
        )
        if not self.conditions.train:
            return sample
        masks = (self.ids == torch.arange(1, len(self.labels) + 1)[:, None, None]).numpy()
        is_thing = (self.labels < self.num_things).numpy()
        things = BitmapMasks(masks[is_thing].astype(np.uint8), *self.ids.shape)
        sample.gt_instances = InstanceData(
            labels=self.labels[is_thing], masks=things, bboxes=things.get_bboxes('hbox').tensor
        )
        semantic = torch.cat([torch.tensor([IGNORED_LABEL]), self.labels])[self.ids]
        sample.gt_sem_seg = PixelData(sem_seg=semantic[None])
        sample.gt_panoptic_seg = PixelData(ids=self.ids[None].to(torch.int16))
        sample.gt_segments = InstanceData(labels=self.labels)
        return sample

    def logits(self, like: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits of this scene, of the shapes of class and mask logits of a network.

        Whatever the weights, the merge then has the same work. Void must be the last class.
        """
        classes, masks = (torch.full_like(part, -CONFIDENT) for part in like)
        found = min(len(self.labels), masks.shape[1])
        queries = torch.arange(found)
        classes[:, queries, self.labels[:found].to(classes.device)] = CONFIDENT
        classes[:, found:, -1] = CONFIDENT
        small = F.interpolate(self.ids[None, None].float(), masks.shape[-2:], mode='nearest')[0]
        shown = (small == queries[:, None, None] + 1).to(masks)
        # Edges are soft, as those of networks.
        soft = F.avg_pool2d(shown[None], 3, stride=1, padding=1, count_include_pad=False)
        masks[:, :found] = CONFIDENT * (2 * soft - 1)
        return classes, masks


def _nearest_point(
    rng: np.random.Generator, height: int, width: int, count: int
) -> NDArray[np.int64]:
    points = rng.uniform((0, 0), (height, width), (count, 2)).astype(np.float32)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    nearest = np.zeros((height, width), np.int64)
    least = np.full((height, width), np.inf, np.float32)
    for number, (row, column) in enumerate(points):
        distance = (rows - row) ** 2 + (columns - column) ** 2
        closer = distance < least
        nearest[closer], least[closer] = number, distance[closer]
    return nearest
