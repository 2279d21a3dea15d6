"""The clustering of every decoder layer, with a caption each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kmax_deeplab.pictures.panels import Panel
from kmax_deeplab.result import ClusterLayer


def cluster_panels(layers: Sequence[ClusterLayer], image: NDArray[np.uint8]) -> list[Panel]:
    """Return a panel of each layer's assignment over an RGB image ``(H, W, 3)``."""
    panels = []
    for number, layer in enumerate(layers, start=1):
        used = len(np.unique(layer.assignment))
        detail = f'stride {layer.stride}, {used} of {layer.num_clusters} centres'
        panels.append(Panel(layer.plot(image), f'k-means, layer {number}', detail))
    return panels
