"""What a comparison of engines found, as a table and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import open_atomically

from .conditions import EAGER
from .engines import EngineFigures
from .report import UNKNOWN

FIGURES = {
    'median_s': ('median, s', '{:.4g}'),
    'min_s': ('fastest, s', '{:.4g}'),
    'spread': ('spread', '{:.0%}'),
    'cpu_s': ('processor, s', '{:.4g}'),
    'ratio': ('of eager', '{:.3f}'),
    'cpu_ratio': ('of eager, processor', '{:.3f}'),
    'peak_mib': ('peak memory, MiB', '{:.0f}'),
    'merge_share': ('merge', '{:.1%}'),
    'equal_pixels': ('equal pixels', '{:.4%}'),
}


def content(
    found: Sequence[EngineFigures], size: Sequence[int], title: str, machine: dict[str, Any]
) -> dict[str, Any]:
    """Return all figures, as the JSON has them.

    ``ours`` is the fastest engine beside eager with the first number of threads, ``peer`` is eager.

    Args:
        found: Of each number of threads.
        size: ``(H, W)`` of the input.
        title: Name of the config.
        machine: What figures depend on.
    """
    first = found[0].figures
    others = [name for name in first if name != EAGER]
    fastest = min(others, key=lambda name: first[name]['median_s'], default=EAGER)
    ours = first[fastest]
    return dict(
        ours=ours,
        peer=first[EAGER] if others else None,
        ratio=ours['ratio'] if others else None,
        cpu_ratio=ours['cpu_ratio'] if others else None,
        equal=all(each['equal'] for part in found for each in part.figures.values()),
        titles=dict(ours=fastest, peer=EAGER) if others else dict(ours=EAGER),
        engines=[dict(threads=part.threads, figures=part.figures) for part in found],
        conditions=dict(config=title, size=list(size), end_to_end=True),
        machine=machine,
    )


def write_json(figures: dict[str, Any], path: Path) -> None:
    """Write what :func:`content` returns."""
    with open_atomically(path) as file:
        file.write((json.dumps(figures, indent=2) + '\n').encode())


def table(figures: dict[str, Any]) -> str:
    """Return what :func:`content` returns as lines to print: a column per engine."""
    conditions, machine = figures['conditions'], figures['machine']
    height, width = conditions['size']
    load = UNKNOWN
    if machine['load_before'] is not None:
        load = f'{machine["load_before"]:.1f} to {machine["load_after"]:.1f}'
    lines = [
        f'{conditions["config"]}: image file to map, input {height}x{width}, one image at a time',
        f'{machine["processor"]}, {machine["cores"]} cores, load {load}',
    ]
    for part in figures['engines']:
        lines += ['', *_part(part['threads'], part['figures'])]
    return '\n'.join(lines)


def _part(threads: int, figures: dict[str, dict[str, Any]]) -> list[str]:
    rows = [[f'{threads} thread{"s" if threads > 1 else ""}', *figures]]
    for key, (title, form) in FIGURES.items():
        values = (each[key] for each in figures.values())
        rows.append([title, *(UNKNOWN if x is None else form.format(x) for x in values)])
    wide = max(len(row[0]) for row in rows) + 2
    lines = [f'{row[0]:{wide}}' + ''.join(f'{cell:>14}' for cell in row[1:]) for row in rows]
    eager = figures[EAGER]
    lines.append(f'{eager["segments"]} segments are pasted on {eager["images"]} images')
    lines += [
        f'{name}: maps {"equal" if each["equal"] else "DIFFER"}, the same segments on '
        f'{each["same_segments"]} of {each["images"]} images'
        for name, each in figures.items()
        if name != EAGER
    ]
    return lines
