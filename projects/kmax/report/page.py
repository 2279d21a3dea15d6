"""The report of an evaluation: a page and its figures."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.visualization.palette import get_palette
from mmengine.logging import print_log

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.pictures.colors import Color

from ..evaluation.ground_truth import PanopticGroundTruth
from ..evaluation.matching import pair_segments
from ..evaluation.panoptic_metric import overlap_prediction
from ..html_page import embed, refuse_page_of_others, render
from .boundary import WIDTH
from .charts import draw_calibration, draw_confusion, draw_errors
from .content import make_content
from .errors import DEFINITIONS
from .pictures import VERDICTS, ImageRecord, choose_extremes, draw_panels
from .template import REPORT

PAGE_NAME, JSON_NAME = 'report.html', 'report.json'
SIZE_COLUMNS = (
    *(('All', name) for name in ('pq', 'sq', 'rq')),
    *(('Things', 'pq'), ('Stuff', 'pq')),
)
"""What is told of the segments of a size: of a group of classes one of its figures."""
OTHER_COLOR = (128, 128, 128)
"""Of categories that are no class of the model."""


def write_report(
    folder: Path,
    origin: Mapping[str, Any],
    truth: PanopticGroundTruth,
    category_of_label: Sequence[int],
    dataset_meta: Mapping[str, Any],
    records: Mapping[Any, ImageRecord],
) -> None:
    """Write ``report.json`` and ``report.html`` into a folder, each whole or not at all.

    Args:
        folder: Is made where it is absent.
        origin: What :func:`describe_origin` returns.
        truth: Annotations.
        category_of_label: Category of each class.
        dataset_meta: ``classes`` and ``palette`` of the data set.
        records: The images by id, in the order of ids.
    """
    palette = get_palette(dataset_meta.get('palette'), len(category_of_label))
    colors = dict.fromkeys(truth.categories, OTHER_COLOR)
    colors |= dict(zip(category_of_label, palette, strict=True))
    ordered = dict.fromkeys((*category_of_label, *truth.categories))
    categories = {category: truth.categories[category] for category in ordered}
    content = make_content(origin, truth.ann_file, categories, list(records.values()))
    classes = {c: (info['name'], colors[c]) for c, info in categories.items()}
    worst, best = choose_extremes(records)
    pictures = {
        title: [_describe_image(record, truth, category_of_label, classes) for record in chosen]
        for title, chosen in (('Worst images', worst), ('Best images', best))
        if chosen
    }
    page = make_page(content, [css_color(color) for _, color in classes.values()], pictures)
    write_atomically(folder / JSON_NAME, (json.dumps(content, indent=1) + '\n').encode())
    write_atomically(folder / PAGE_NAME, page)
    print_log(f'report in {folder / PAGE_NAME}', logger='current')


def refuse_report_of_others(folder: Path) -> None:
    """Raise a FileExistsError if a report would replace a file that is none of a report."""
    page, figures = folder / PAGE_NAME, folder / JSON_NAME
    refuse_page_of_others(page)
    if figures.is_file() and not page.is_file():
        raise FileExistsError(f'{figures} is there, and not written by kmax-deeplab: give another')


def make_page(
    content: Mapping[str, Any],
    colors: Sequence[str],
    pictures: Mapping[str, Sequence[Mapping[str, Any]]],
) -> bytes:
    """Return the page.

    Args:
        content: What :func:`make_content` returns.
        colors: Of each class, for CSS.
        pictures: Panels and captions of images by title.
    """
    calibration = content['calibration']
    names = [each['name'] for each in content['classes']]
    return render(
        REPORT,
        **content,
        colors=colors,
        pictures=pictures,
        size_columns=SIZE_COLUMNS,
        definitions=DEFINITIONS,
        verdicts=[(css_color(color), meaning) for color, meaning in VERDICTS.values()],
        boundary_width=f'{100 * WIDTH:g} %',
        error_chart=embed(draw_errors(content['errors']), 'png'),
        confusion_chart=embed(draw_confusion(content['confusion'], names), 'png'),
        calibration_chart=calibration and embed(draw_calibration(calibration['bins']), 'png'),
    )


def css_color(color: Color) -> str:
    """Return an RGB colour as CSS has it."""
    return 'rgb({},{},{})'.format(*color)


def _describe_image(
    record: ImageRecord,
    truth: PanopticGroundTruth,
    category_of_label: Sequence[int],
    classes: dict[int, tuple[str, Color]],
) -> dict[str, Any]:
    assert record.prediction is not None
    pred = record.prediction.restore()
    pairing = pair_segments(*overlap_prediction(truth, category_of_label, record.img_id, pred))
    gt_ids, _, _ = truth.read(record.img_id, pred.shape)
    panels = draw_panels(record, pred, gt_ids, pairing, classes)
    causes: Counter[str] = Counter()
    for (_, cause, _), count in record.statistics.errors.items():
        causes[cause] += count
    return dict(
        name=Path(record.path or '').name,
        id=record.img_id,
        pq=100 * record.statistics.pq,
        matched=len(pairing.matches),
        causes=dict(causes.most_common()),
        panels={title: embed(picture, 'jpeg') for title, picture in panels.items()},
    )
