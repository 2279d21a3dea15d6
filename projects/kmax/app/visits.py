"""What visitors have: one image each, as the models see it."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.result import ClusterLayer, PanopticResult
from kmax_deeplab.runtime import ObservedByFile, PanopticModel

from .uploads import Upload, decode, seen, shown

if TYPE_CHECKING:
    # Exported files are shown where neither torch nor OpenMMLab is.
    from ..apis import KMaXInferencer
    from ..apis.observed_image import ObservedImage

Model: TypeAlias = 'KMaXInferencer | PanopticModel'

MAX_VISITS = 32
"""Images that are kept; of further ones the oldest is forgotten."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one model makes of an image, in the resolution that the page shows.

    Attributes:
        observed: Of which results are made, by a network's by any thresholds.
        clusters: The k-means assignment of each decoder layer; none of an exported file.
        predictions: What the query of each cluster finds in the end, in words.
    """

    observed: 'ObservedImage | ObservedByFile'
    clusters: list[ClusterLayer]
    predictions: list[str]

    def result(self, thresholds: Mapping[str, float]) -> PanopticResult:
        """Return the result by thresholds, which an exported file has its own of."""
        return _result(self.observed, thresholds)

    def result_at(
        self, image: NDArray[np.uint8], thresholds: Mapping[str, float]
    ) -> PanopticResult:
        """Return the same for the image in another resolution, RGB ``(h, w, 3)``."""
        return _result(self.observed.at(image), thresholds)


def _result(
    observed: 'ObservedImage | ObservedByFile', thresholds: Mapping[str, float]
) -> PanopticResult:
    if isinstance(observed, ObservedByFile):
        return observed.result()
    return observed.result(**thresholds)


@dataclass(eq=False)
class Visit:
    """An image that a visitor has chosen.

    The pixels in full size are decoded again for the files, as they may take hundreds of times the
    memory of ``content``.

    Attributes:
        content: The file.
        image: RGB ``(h, w, 3)``, as the page shows it.
        looks: What each model makes of it.
        hidden: Names of the classes that are switched off.
        offered: Names of the classes that have a switch.
    """

    content: bytes
    image: NDArray[np.uint8]
    looks: list[Look]
    hidden: set[str] = field(default_factory=set)
    offered: list[str] = field(default_factory=list)

    def results(self, thresholds: Mapping[str, float]) -> list[PanopticResult]:
        """Return each model's result by thresholds, without running the network."""
        return [look.result(thresholds) for look in self.looks]

    def full_results(self, thresholds: Mapping[str, float]) -> list[PanopticResult]:
        """Return the same in the size of the image."""
        image = np.ascontiguousarray(decode(self.content)[..., ::-1])
        return [look.result_at(image, thresholds) for look in self.looks]

    def switch(self, checked: list[str]) -> None:
        """Note which of the offered classes are on; those that are not offered stay as they are."""
        self.hidden = (self.hidden - set(self.offered)) | (set(self.offered) - set(checked))

    def offer(self, results: list[PanopticResult]) -> list[str]:
        """Offer a switch for each class in results; return those that are on."""
        found = {entry['label_id']: entry['label'] for r in results for entry in r.segments_info}
        self.offered = list(dict.fromkeys(found[label] for label in sorted(found)))
        return [name for name in self.offered if name not in self.hidden]


class Visits:
    """Keeps the images of the last visitors, each under a key that only the server knows."""

    def __init__(self, most: int = MAX_VISITS) -> None:
        self._most = most
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def add(self, visit: Visit, former: str | None = None) -> str:
        """Keep what a visitor has, in place of what was kept before; return its key."""
        key = secrets.token_urlsafe()
        with self._turn:
            self._visits.pop(former or '', None)
            self._visits[key] = visit
            while len(self._visits) > self._most:
                self._visits.popitem(last=False)
        return key

    def get(self, key: str | None) -> Visit:
        """Return what is kept under a key.

        Raises:
            ValueError: If it was forgotten, or there was nothing.
        """
        with self._turn:
            visit = self._visits.get(key or '')
            if visit is not None:
                self._visits.move_to_end(key or '')
        if visit is None:
            raise ValueError('There is no image, or it was forgotten: choose one.')
        return visit

    def forget(self, key: str | None) -> None:
        """Forget what is kept under a key, if anything is."""
        with self._turn:
            self._visits.pop(key or '', None)


def begin_visit(upload: Upload, models: Mapping[str, Model]) -> Visit:
    """Run the networks on an uploaded image."""
    image = shown(upload.pixels)
    pixels = seen(upload.pixels)
    looks = [_look(pixels, image, model) for model in models.values()]
    return Visit(upload.content, image, looks)


def _look(pixels: NDArray[np.uint8], image: NDArray[np.uint8], model: Model) -> Look:
    if isinstance(model, PanopticModel):
        return Look(model.observe(pixels, channel_order='bgr').at(image), [], [])
    observed = model.observe(pixels, with_clusters=True).at(image)
    clusters = observed.find_clusters()
    # The logits of the layers take more memory than all else.
    observation = replace(observed.observation, layers=[])
    kept = replace(observed, observation=observation, find_clusters=clusters.copy)
    return Look(kept, clusters, _predict_queries(kept))


def _predict_queries(observed: 'ObservedImage') -> list[str]:
    """Say of each query which class it predicts."""
    probabilities, labels = observed.observation.cls_logits.float().softmax(-1).max(-1)
    names: list[Any] = [*observed.classes.names, 'no object']
    return [
        f'{names[label]}, {probability:.0%}'
        for label, probability in zip(labels.tolist(), probabilities.tolist(), strict=True)
    ]
