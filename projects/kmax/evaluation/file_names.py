"""Names of the PNGs of predictions."""

from pathlib import Path
from typing import Any

from kmax_deeplab.paths import distinct_names, find_name_fault, refuse_shared_names

from .ground_truth import PanopticGroundTruth


def prediction_names(truth: PanopticGroundTruth) -> dict[Any, str]:
    """Return the name of the PNG of each image id that has not simply the image's own.

    It is that of its annotation, by which test servers know it; images without one keep their
    folders where several have one name.

    Raises:
        ValueError: If an annotation's name leads out of a folder, or two are of one file.
    """
    names = {image: record['file_name'] for image, record in truth.annotations.items()}
    for image, name in names.items():
        fault = find_name_fault(name)
        if fault is not None:
            raise ValueError(
                f'{truth.ann_file}: the annotation of image {image} has the file_name {name!r}, '
                f'which {fault}; predictions cannot be written by that name'
            )
    others = {image: name for image, name in truth.image_names.items() if image not in names}
    made = distinct_names(list(others.values()), '.png')
    if made != [own_name(name) for name in others.values()]:
        names |= zip(others, made, strict=True)
    owners = ((name, _describe(image, truth)) for image, name in names.items())
    refuse_shared_names(owners, truth.ann_file)
    return names


def own_name(img_path: str) -> str:
    """Return an image's own name, as that of a PNG."""
    return f'{Path(img_path).stem}.png'


def _describe(image: Any, truth: PanopticGroundTruth) -> str:
    known = truth.image_names.get(image)
    return f'image {image}' if known is None else f'image {image} ({known})'
