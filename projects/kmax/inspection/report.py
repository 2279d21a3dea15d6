"""The report of an inspection: one HTML file, pictures included."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.visualization.palette import get_palette

from kmax_deeplab.atomic_file import write_atomically

from ..html_page import embed, render
from ..panoptic.faults import Fault, FaultKind
from .charts import draw_classes, draw_distributions
from .configs import Inspection
from .datasets import DatasetReport
from .pictures import choose_faulty_images, choose_images, draw_image
from .report_template import TEMPLATE

MAX_LISTED = 500


@dataclass(frozen=True)
class Findings:
    """The messages of each kind of fault and of warning.

    Attributes:
        faults: Those that stop training.
        warnings: Those with which it goes on.
    """

    faults: list[tuple[FaultKind, list[str]]]
    warnings: list[tuple[FaultKind, list[str]]]

    def count(self) -> str:
        """Say how many there are, or that there are none."""
        named = {'fault': self.faults, 'warning': self.warnings}
        counts = [_count(name, groups) for name, groups in named.items() if groups]
        return ', '.join(counts) or 'no faults found'


def _count(name: str, groups: list[tuple[FaultKind, list[str]]]) -> str:
    total = sum(len(messages) for _, messages in groups)
    kinds = f'{len(groups)} kind{"s" if len(groups) > 1 else ""}'
    return f'{total} {name}{"s" if total > 1 else ""} of {kinds}'


def group_faults(faults: list[Fault]) -> Findings:
    """Tell faults from warnings and bring the messages of each kind together."""
    order = list(FaultKind)
    faults = sorted(faults, key=lambda fault: order.index(fault.kind))
    return Findings(
        _group(fault for fault in faults if fault.stops_training),
        _group(fault for fault in faults if not fault.stops_training),
    )


def _group(faults: Iterable[Fault]) -> list[tuple[FaultKind, list[str]]]:
    return [
        (kind, [fault.message for fault in group])
        for kind, group in groupby(faults, lambda fault: fault.kind)
    ]


def summarise(report: DatasetReport) -> dict[str, str]:
    """Return the figures of a data set by their names."""
    sizes = [image.size for image in report.images if image.size is not None]
    counts = np.array([len(image.pixels) for image in report.images] or [0])
    voids = [image.void for image in report.images if image.void is not None]
    crowds = [image.crowd for image in report.images if image.crowd is not None]
    low, high = (f'{w}×{h}' for w, h in (min(sizes), max(sizes))) if sizes else ('–', '–')
    num_things = report.annotations.num_things
    return {
        'annotations': report.annotations.ann_file,
        'images': f'{len(report.images)}',
        'sizes': low if low == high else f'{low} … {high}',
        'classes': f'{num_things} things, {len(report.annotations.classes) - num_things} stuff',
        'segments': f'{counts.sum()}',
        'segments in an image': f'median {np.median(counts):.0f}, most {counts.max()}',
        'void': f'{100 * np.mean(voids or [0]):.1f} % of the pixels',
        'crowd': f'{100 * np.mean(crowds or [0]):.1f} % of the pixels',
    }


def write_report(path: Path, title: str, inspection: Inspection, num_pictures: int) -> None:
    """Write the report, which appears complete or not at all.

    Each data set has ``num_pictures`` pictures, and again as many of faulty images.
    """
    findings = group_faults(inspection.faults)
    html = render(
        TEMPLATE,
        title=title,
        num_queries=inspection.num_queries,
        count=findings.count(),
        sections=dict(Faults=findings.faults, Warnings=findings.warnings),
        max_listed=MAX_LISTED,
        summaries=[(report.name, summarise(report)) for report in inspection.datasets],
        distributions=embed(draw_distributions(inspection.datasets, inspection.num_queries), 'png'),
        classes=list(_describe_classes(inspection.datasets)),
        datasets=[_draw(report, num_pictures) for report in inspection.datasets],
    )
    write_atomically(path, html)


def _draw(report: DatasetReport, count: int) -> dict[str, Any]:
    chosen = {
        'Pictures': choose_images(report, count),
        'Faults and warnings': choose_faulty_images(report, count),
    }
    pictures = [
        (title, [_describe_image(image, report) for image in images])
        for title, images in chosen.items()
        if images
    ]
    return dict(name=report.name, pictures=pictures)


def _describe_image(image: Any, report: DatasetReport) -> dict[str, Any]:
    found = [fault for fault in report.faults if fault.image_id == image.record['img_id']]
    return dict(
        source=embed(draw_image(image, report.annotations), 'jpeg'),
        name=Path(image.record['img_path']).name,
        id=image.record['img_id'],
        size='{}×{}'.format(*image.size),
        segments=len(image.pixels),
        void=f'{100 * image.void:.1f}',
        kinds=sorted({fault.kind.value for fault in found}),
    )


def _describe_classes(reports: list[DatasetReport]) -> Iterator[dict[str, Any]]:
    """Yield a table and a chart for the data sets of each set of classes."""
    known = [report for report in reports if report.annotations.classes]
    by_classes: dict[tuple, list[DatasetReport]] = {}
    for report in known:
        by_classes.setdefault(report.annotations.classes, []).append(report)
    for classes, group in by_classes.items():
        metainfo = group[0].annotations.metainfo
        counts = [report.survey.counts for report in group]
        palette = get_palette(metainfo.get('palette'), len(classes))
        rows = [
            dict(
                label=label,
                name=name,
                color='rgb({},{},{})'.format(*palette[label]),
                kind='thing' if label < len(metainfo['thing_classes']) else 'stuff',
                counts=[count[label].tolist() for count in counts],
            )
            for label, name in enumerate(classes)
        ]
        chart = embed(draw_classes(group), 'png')
        yield dict(names=[report.name for report in group], rows=rows, chart=chart)
