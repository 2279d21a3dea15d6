"""Label maps of classes alone: objects are guessed to be the connected parts of things."""

from dataclasses import dataclass
from pathlib import Path

from .label_maps import check_classes, crops_of, pair_maps, read_label_map
from .source import AsThing, Reading, Region, Source, SourceImage

GUESS = (
    'objects are a guess: each connected part of a thing is one, so that objects which touch are '
    'one and those cut in two are two'
)


def read_semantic(path: Path, size: tuple[int, int], as_thing: AsThing) -> list[Region]:
    """Read a region for each class of a map; ``size`` is that of the image, ``(H, W)``."""
    found = read_label_map(path, size)
    check_classes(found, path)
    return [
        Region(found.label_of(value), crop, f'{path}, value {value}', as_thing)
        for value, crop in crops_of(found.values).items()
    ]


@dataclass(frozen=True)
class SemanticImage(SourceImage):
    """An image with a map of classes."""

    label_map: Path

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Read a region for each class."""
        return read_semantic(self.label_map, size, AsThing.COMPONENTS)


def open_source(reading: Reading) -> Source:
    """Find the label map of each image; a FileNotFoundError names a folder that is not there."""
    image_dir = reading.images
    pairs = pair_maps(image_dir, list(reading.paths))
    images: list[SourceImage] = [
        SemanticImage(name, str(label_map), image_dir / name, None, label_map)
        for name, (label_map,) in pairs.maps_of.items()
    ]
    return Source(images, faults=pairs.faults, notes=[GUESS], unlabelled=pairs.unlabelled)
