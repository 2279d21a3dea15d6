"""An image that the network has seen, of which results are made by any thresholds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.result import Classes, ClusterLayer, PanopticResult

from ..models.structures import Observation
from ..visualization.samples import read_clusters


@dataclass(frozen=True, eq=False)
class ObservedImage:
    """What the network makes of an image; :meth:`result` merges it without running it again.

    Attributes:
        observation: Logits and sizes.
        image: The image, RGB ``(H, W, 3)`` uint8.
        path: The file of the image, or None.
        classes: What labels stand for.
        merge: Makes a sample with predictions of an observation and changes to ``test_cfg``.
        find_clusters: Makes the assignments of layers that were not kept.
    """

    observation: Observation
    image: NDArray[np.uint8]
    path: str | None
    classes: Classes
    merge: Callable[[Observation, dict[str, Any]], Any]
    find_clusters: Callable[[], list[ClusterLayer]]

    def result(self, **thresholds: Any) -> PanopticResult:
        """Give the pixels to segments.

        Args:
            **thresholds: Instead of fields of ``test_cfg``, such as ``class_threshold_thing=0.5``;
                see :class:`~projects.kmax.models.postprocess.PostprocessConfig`.

        Raises:
            ValueError: For a field that does not exist, or a value that it cannot have.
        """
        sample = self.merge(self.observation, thresholds)
        pixels = sample.pred_panoptic_seg
        scores = [pixels.instance_scores, pixels.semantic_scores]
        semantic, instances = sample.get('pred_sem_seg'), sample.get('pred_instances')
        return PanopticResult.from_panoptic(
            pixels.sem_seg[0].cpu().numpy(),
            self.classes,
            [score[0].float().cpu().numpy() for score in scores],
            image=self.image,
            path=self.path,
            find_clusters=self.find_clusters,
            semantic_map=None if semantic is None else semantic.sem_seg[0].cpu().numpy(),
            found_instances=None if instances is None else dict(instances.cpu().numpy().items()),
        )

    def at(self, image: NDArray[np.uint8]) -> 'ObservedImage':
        """Return the same for the image in another resolution: results then have its size.

        Assignments of layers that were not kept still have the size of the image at first.

        Args:
            image: RGB ``(h, w, 3)``, of any size.
        """
        sample = self.observation.sample.new()
        sample.set_metainfo(dict(ori_shape=image.shape[:2]))
        observation = replace(self.observation, sample=sample)
        kept = bool(observation.layers)
        find_clusters = partial(read_clusters, observation) if kept else self.find_clusters
        return replace(self, observation=observation, image=image, find_clusters=find_clusters)
