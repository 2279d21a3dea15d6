"""mmseg's ``LoadAnnotations`` takes what is no label map of its image.

A map of another size is trained on all the same, labels above 255 become others, colours end deep
in numpy, and a damaged file is not named.

Upstream: https://github.com/open-mmlab/mmsegmentation
(``mmseg/datasets/transforms/loading.py``, in ``_load_seg_map``).
Delete when it names the file, keeps 16 bits and compares the sizes.
"""

import importlib
from functools import wraps
from pathlib import Path
from typing import Any

MODULE = 'mmseg.datasets.transforms.loading'
DEPTH_AT = 24
"""Where a PNG tells its bits."""


def check_label_maps(base_class: Any) -> None:
    """Let mmseg's transform, which has this method of mmcv's, refuse what is no label map."""
    transform = base_class.transform

    @wraps(transform)
    def transform_checked(self: Any, results: dict) -> dict | None:
        if all(base.__module__ != MODULE for base in type(self).__mro__):
            return transform(self, results)
        described = f'label map {results["seg_map_path"]} of image {results.get("img_path")}'
        try:
            loaded = transform(self, results)
        # Pillow calls a damaged PNG a syntax error.
        except (OSError, SyntaxError) as error:
            raise OSError(f'{described} cannot be read: {error}') from error
        _check(loaded, described)
        return loaded

    base_class.transform = transform_checked


def _check(results: Any, described: str) -> None:
    shape, expected = results['gt_seg_map'].shape, tuple(results.get('ori_shape') or ())
    if len(shape) != 2:
        raise ValueError(f'{described} must have one channel, but has shape {shape}')
    if expected and shape != expected:
        raise ValueError(f'{described} has size {shape}, but the image {expected}')
    if _has_16_bits(results['seg_map_path']):
        raise ValueError(f'{described} has 16 bits, but mmseg reads labels of 8: convert it')


def _has_16_bits(path: str) -> bool:
    try:
        with Path(path).open('rb') as file:
            head = file.read(DEPTH_AT + 1)
    except (OSError, ValueError):
        return False  # It is elsewhere.
    return head[:4] == b'\x89PNG' and head[DEPTH_AT:] == b'\x10'


def apply() -> None:
    """Wrap mmcv's method: to import mmseg's transforms here takes a second."""
    check_label_maps(importlib.import_module('mmcv.transforms').LoadAnnotations)
