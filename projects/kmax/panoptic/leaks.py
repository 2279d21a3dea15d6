"""Images of validation that are also trained on."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, zip_longest
from os.path import basename, realpath
from pathlib import Path
from stat import S_ISREG
from typing import Any

from kmax_deeplab.local_files import MAX_BYTES

from .faults import Fault, FaultKind

MAX_SIZES = 2000
"""Images of training, and of validation, whose file sizes are asked for."""

MAX_DIGESTS = 40
"""Files of equal size that are read."""

Image = tuple[Any, str]
"""Id and path."""

Part = list[tuple[str, list[Image]]]
"""Each annotation file and its images."""


def find_leaks(
    train: Part, val: Part, digests: Mapping[str, bytes] | None = None
) -> Iterator[Fault]:
    """Yield images of validation that training has as well, by their path or as a copy.

    A file that is deliberately given as both, and nothing else trained on, is no leak; among other
    files it is one. Copies are told by ``digests``, those of
    all images by path. Without them, as training has no time to read all images, a few are made
    here, see :func:`_digest_equal_sizes`.
    """
    given = {realpath(ann_file): ann_file for ann_file, _ in train}
    held_out = [(ann_file, images) for ann_file, images in val if realpath(ann_file) not in given]
    if not given.keys() <= {realpath(ann_file) for ann_file, _ in val}:
        for ann_file, _ in val:
            if realpath(ann_file) in given:
                message = (
                    f'{ann_file} is among the files of training, {", ".join(given.values())}: '
                    'figures of validation are of images that are trained on'
                )
                yield Fault(FaultKind.LEAK, message)
    by_path = {path: (img_id, path) for _, images in train for img_id, path in images}
    depth = 'compared by path and content'
    if digests is None:
        paths = [path for _, images in held_out for _, path in images]
        digests = _digest_equal_sizes(by_path, paths)
        depth = (
            f'compared by path, and by content in up to {MAX_DIGESTS} files of equal size among '
            f'up to {MAX_SIZES} images of each'
        )
    by_digest = {digests[path]: by_path[path] for path in by_path if path in digests}
    for ann_file, images in held_out:
        for img_id, path in images:
            same = by_path.get(path) or by_digest.get(digests.get(path, b''))
            if same is not None:
                message = (
                    f'image {img_id} ({path}) of {ann_file} is the same as image {same[0]} '
                    f'({same[1]}) in training ({depth})'
                )
                yield Fault(FaultKind.LEAK, message, img_id)


def digest(content: bytes) -> bytes:
    """Return what tells the content of a file from others."""
    return hashlib.blake2b(content, digest_size=8).digest()


def _digest_equal_sizes(train: Iterable[str], val: Iterable[str]) -> dict[str, bytes]:
    """Digest files of both parts that have one size, as far as the limits go.

    Files whose names occur in both come first, then the others. Sizes that few files have come
    first too: images without compression are all of one size. What is not on this machine's disks,
    or missing, is left to whoever loads it.
    """
    names = {basename(path) for path in train} & {basename(path) for path in val}
    of_train, of_val = (_by_size(paths, names) for paths in (train, val))
    pairs = [list(zip_longest(of_train[n], of_val[n])) for n in of_train.keys() & of_val.keys()]
    paths = (path for group in sorted(pairs, key=len) for pair in group for path in pair if path)
    read = ((path, _read(path)) for path in islice(paths, MAX_DIGESTS))
    return {path: digest(content) for path, content in read if content is not None}


def _by_size(paths: Iterable[str], first: set[str]) -> dict[int, list[str]]:
    """Group files by size, those of the names ``first`` in the order of their names."""
    named = sorted((path for path in paths if basename(path) in first), key=basename)
    others = (path for path in paths if basename(path) not in first)
    groups: dict[int, list[str]] = defaultdict(list)
    for path in islice(chain(named, others), MAX_SIZES):
        size = _size(path)
        if size:
            groups[size].append(path)
    return groups


def _size(path: str) -> int | None:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_size if S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES else None


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None
