"""Which images are for validation."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable


def choose_validation(
    names: Iterable[str], share: float, seed: int, group_by: str | None = None
) -> set[str]:
    """Choose images for validation, whole groups of them.

    The same whatever the order of the names, on every machine.

    Args:
        names: Names of the images.
        share: The share of the images that is wanted; groups come as near as they can.
        seed: Another one chooses others.
        group_by: Regular expression that finds the group in a name: what its first parenthesis
            matches, or all of it. By default every image is its own.

    Raises:
        ValueError: If a name has no group, or all images are of one group.
    """
    if share == 0:
        return set()
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_group_of(name, group_by)].append(name)
    if len(groups) < 2:
        what = (
            'there is one image' if group_by is None else f'all images are of one group: {group_by}'
        )
        raise ValueError(f'{what}; nothing can be split, give --split 0 or --val')
    total = sum(map(len, groups.values()))
    wanted = share * total
    chosen: set[str] = set()
    order = sorted(groups, key=lambda group: _digest(seed, group))
    for name in order:
        count = len(chosen) + len(groups[name])
        if count < total and abs(count - wanted) < abs(len(chosen) - wanted):
            chosen.update(groups[name])
    # Of the smallest groups the first, where each is much more than is wanted.
    return chosen or set(groups[min(order, key=lambda name: len(groups[name]))])


def _group_of(name: str, group_by: str | None) -> str:
    if group_by is None:
        return name
    match = re.search(group_by, name)
    if match is None:
        raise ValueError(f'--group-by {group_by!r} finds no group in the file name {name}')
    return (match[1] if match.re.groups else match[0]) or ''


def _digest(seed: int, group: str) -> bytes:
    return hashlib.blake2b(f'{seed}:{group}'.encode(errors='surrogateescape')).digest()
