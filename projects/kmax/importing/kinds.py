"""The formats that are read, each by a module that is imported when it is asked for."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from .source import Reading, Source

Opener = Callable[[Reading], Source]


@dataclass(frozen=True)
class Kind:
    """A format.

    Attributes:
        sources: What its ``SRC...`` are.
        least: Fewest of them.
        most: Most of them.
        needs_images: Whether ``--image-dir`` must be given.
        lists_images: Whether all images in that folder are listed.
    """

    sources: str
    least: int = 1
    most: int = 1
    needs_images: bool = True
    lists_images: bool = False


KINDS = {
    'instances': Kind('JSON of COCO instances [folder of semantic PNGs]', most=2),
    'masks': Kind(
        'folder of semantic PNGs, folder of instance PNGs; with --divisor one',
        most=2,
        lists_images=True,
    ),
    'semantic': Kind('folder of semantic PNGs', lists_images=True),
    'coconut': Kind('panoptic JSON, folder of its PNGs', least=2, most=2),
    'labelme': Kind('folder of JSON', needs_images=False),
    'cvat': Kind('annotations.xml of "CVAT for images 1.1", or JSON of its COCO export'),
    'label-studio': Kind('JSON of its JSON export or of its COCO export', lists_images=True),
    'hf': Kind('folder that datasets.save_to_disk wrote, one split', needs_images=False),
}
"""Of each format what it is read from; its module, of the same name, has a function ``open_source``
from a :class:`.Reading` to a :class:`.Source`."""


def opener_of(kind: str) -> Opener:
    """Return the function that opens a format, with its own imports done."""
    module = importlib.import_module(f'{__package__}.{kind.replace("-", "_")}')
    return module.open_source
