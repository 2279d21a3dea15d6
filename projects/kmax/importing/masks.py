"""Label maps of classes and of instances, or one map that holds both."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..void import VOID_ID
from .coco_records import refuse_faults
from .label_maps import LabelMap, check_classes, crops_of, pair_maps, read_label_map
from .source import AsThing, Reading, Region, Source, SourceError, SourceImage

STRIDE = 1 << 32
"""Above all instances; classes are multiples of it."""


@dataclass(frozen=True)
class MaskedImage(SourceImage):
    """An image with a map of classes, one of instances if there is, and a divisor if not."""

    maps: tuple[Path, ...]
    divisor: int | None

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read a region for each pair of a class and an instance; instance 0 is none."""
        found, faults = [], []
        for path in self.maps:
            try:
                found.append(read_label_map(path, size))
            except SourceError as error:
                faults += error.faults
        refuse_faults(faults)
        semantic, *others = found
        if self.divisor is None:
            codes = semantic.values * STRIDE + others[0].values
        else:
            classes, instances = np.divmod(semantic.values, self.divisor)
            semantic = LabelMap(classes, False)
            codes = classes * STRIDE + instances
        check_classes(semantic, self.maps[0])
        return list(self._regions(semantic, codes))

    def _regions(self, semantic: LabelMap, codes: np.ndarray) -> Iterator[Region]:
        for code, crop in crops_of(codes).items():
            value, instance = divmod(code, STRIDE)
            place = f'{self.maps[0]}, value {value}, instance {instance}'
            as_thing = AsThing.CROWD if instance == VOID_ID else AsThing.OBJECT
            yield Region(semantic.label_of(value), crop, place, as_thing)


def open_source(reading: Reading) -> Source:
    """Find the label maps of each image.

    Raises:
        FileNotFoundError: If a folder does not exist or is empty.
        ValueError: If it is not told how instances are told apart.
    """
    if (len(reading.paths) == 1) != (reading.divisor is not None):
        raise ValueError(
            'masks are read from two folders, of classes and of instances, or from one with '
            '--divisor N, where each pixel is class * N + instance'
        )
    image_dir = reading.images
    pairs = pair_maps(image_dir, list(reading.paths))
    images: list[SourceImage] = [
        MaskedImage(name, str(maps[0]), image_dir / name, None, maps, reading.divisor)
        for name, maps in pairs.maps_of.items()
    ]
    return Source(images, faults=pairs.faults, unlabelled=pairs.unlabelled)
