"""Reports of evaluations against each other."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..html_page import render
from ..panoptic.json_files import read_json
from .content import FORMAT
from .errors import Cause
from .page import JSON_NAME
from .statistics import Size
from .template import COMPARISON

GROUPS = ('All', 'Things', 'Stuff')
NUM_LISTED = 10
"""Classes, and images, with the largest differences that are listed."""


@dataclass(frozen=True)
class Row:
    """One figure of every report.

    Attributes:
        name: What it is.
        values: That of each report, in their order.
    """

    name: str
    values: tuple[float, ...]

    @property
    def differences(self) -> list[float]:
        """What each report but the first has more than the first."""
        return [value - self.values[0] for value in self.values[1:]]

    @property
    def largest(self) -> float:
        """The largest difference, whatever its sign."""
        return max(map(abs, self.differences))


@dataclass(frozen=True)
class Comparison:
    """Reports of the same images.

    Attributes:
        names: Of the reports.
        rows: Qualities, in percent.
        errors: Unmatched segments by cause.
        classes: PQ of each class.
        images: PQ of each image.
    """

    names: list[str]
    rows: list[Row]
    errors: list[Row]
    classes: list[Row]
    images: list[Row]


def read_report(path: Path) -> dict[str, Any]:
    """Return the figures of a report, given by its ``report.json`` or the folder of it.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no report, or one of another version.
    """
    file = path / JSON_NAME if path.is_dir() else path
    content = read_json(file, f'report {file}')
    if not isinstance(content, dict) or 'format' not in content:
        raise ValueError(f'{file} is no report that tools/test.py --report wrote')
    if content['format'] != FORMAT:
        raise ValueError(
            f'{file} is a report of format {content["format"]}, but this version reads '
            f'{FORMAT}: write it again by tools/test.py --report'
        )
    return content


def compare_reports(paths: Sequence[Path]) -> Comparison:
    """Compare two or more reports of the same classes and images.

    Raises:
        FileNotFoundError: If one does not exist.
        ValueError: If one is no report, lacks figures, or is of other data than the first.
    """
    reports = []
    for path in paths:
        report = read_report(path)
        try:
            figures = list(_figures(report))
            math.fsum(value for part in figures for value in part.values())
            reports.append((path, report, figures))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f'{path} lacks figures of a report ({type(error).__name__}: {error}): write it '
                'again by tools/test.py --report'
            ) from error
    first = reports[0]
    for other in reports[1:]:
        _refuse_other_data(first[:2], other[:2])
    parts = zip(*(figures for _, _, figures in reports), strict=True)
    return Comparison(_name([path for path, _, _ in reports]), *map(_make_rows, parts))


def _figures(report: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Yield the figures by name of each part of a comparison."""
    quality = {
        f'{name} {group}': report['quality'][group][name.lower()]
        for group in GROUPS
        for name in ('PQ', 'SQ', 'RQ')
    }
    boundary = {f'Boundary PQ {group}': report['boundary'][group]['pq'] for group in GROUPS}
    sizes = {f'PQ {size}': report['sizes'][size]['All']['pq'] for size in Size}
    yield quality | boundary | sizes
    errors = report['errors']
    yield {cause: int(errors[cause]['fn']) + int(errors[cause]['fp']) for cause in Cause}
    yield {each['name']: each['pq'] for each in report['classes']}
    yield {str(each['id']): each['pq'] for each in report['images']}


def _make_rows(figures: Sequence[dict[str, float]]) -> list[Row]:
    return [Row(name, tuple(each[name] for each in figures)) for name in figures[0]]


def _refuse_other_data(
    first: tuple[Path, dict[str, Any]], other: tuple[Path, dict[str, Any]]
) -> None:
    """Refuse reports that differ in their classes or their images."""
    for kind, key in (('classes', 'name'), ('images', 'id')):
        names = ([each[key] for each in report[kind]] for _, report in (first, other))
        mine, theirs = (sorted(map(str, each)) for each in names)
        if len(mine) != len(theirs):
            fault = f'{len(theirs)} {kind}, but {first[0]} has {len(mine)}'
        elif mine != theirs:
            fault = f'other {kind} than {first[0]}'
        else:
            continue
        raise ValueError(f'{other[0]} has {fault}: only reports of the same data are compared')


def _name(paths: Sequence[Path]) -> list[str]:
    """Return a name for each report: that of its folder, or the path where two have one name."""
    folders = [path if path.is_dir() else path.absolute().parent for path in paths]
    names = [folder.absolute().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def largest_differences(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that differ most, the largest difference first."""
    differing = [row for row in rows if row.largest > 0]
    return sorted(differing, key=lambda row: -row.largest)[:NUM_LISTED]


def table(found: Comparison) -> str:
    """Return the comparison as lines to print."""
    parts = {
        '': found.rows,
        'unmatched segments': found.errors,
        'PQ of the classes with the largest differences': largest_differences(found.classes),
    }
    wide = 2 + max(len(row.name) for rows in parts.values() for row in rows)
    column = max(18, *(2 + len(name) for name in found.names))
    lines = [' ' * wide + ''.join(f'{name:>{column}}' for name in found.names)]
    for title, rows in parts.items():
        lines += ['', title] if title and rows else []
        for row in rows:
            form = '.2f' if title != 'unmatched segments' else 'd'
            cells = [f'{row.values[0]:{form}}']
            cells += [
                f'{value:{form}} ({difference:+{form}})'
                for value, difference in zip(row.values[1:], row.differences, strict=True)
            ]
            lines.append(f'{row.name:{wide}}' + ''.join(f'{cell:>{column}}' for cell in cells))
    return '\n'.join(lines)


def make_comparison_page(found: Comparison) -> bytes:
    """Return the comparison as a page."""
    sections = [
        ('Quality', found.rows, '.2f'),
        ('Unmatched segments by cause', found.errors, 'd'),
        ('PQ of classes', found.classes, '.2f'),
        (
            f'PQ of the {NUM_LISTED} images that differ most',
            largest_differences(found.images),
            '.2f',
        ),
    ]
    return render(COMPARISON, names=found.names, sections=sections)
