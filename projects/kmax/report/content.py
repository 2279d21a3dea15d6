"""The figures of a report, as ``report.json`` holds them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..evaluation.matching import Matches, average_quality, group_categories
from .errors import Cause
from .pictures import ImageRecord
from .statistics import Outcomes, Size, Statistics, sum_statistics

FORMAT = 1
"""Number of the form of ``report.json``."""
NUM_CONFUSED = 30


def make_content(
    origin: Mapping[str, Any],
    ann_file: str,
    categories: Mapping[int, Mapping[str, Any]],
    records: Sequence[ImageRecord],
) -> dict[str, Any]:
    """Return all figures.

    Args:
        origin: Command, checkpoint and versions.
        ann_file: The annotations.
        categories: The categories by id, in the order of the report.
        records: The images in the order of their ids, so that sums do not depend on anything else.

    Returns:
        What :func:`json.dumps` takes. Qualities are in percent; shares, scores and the calibration
        error are between 0 and 1.
    """
    total = sum_statistics(record.statistics for record in records)
    return dict(
        format=FORMAT,
        origin=dict(origin),
        annotations=ann_file,
        quality=_grouped(total.quality, categories),
        boundary=_grouped(total.boundary, categories),
        sizes={
            size: dict(
                segments=sum(m.tp + m.fn for m in total.sizes.get(size, {}).values()),
                **_grouped(total.sizes.get(size, {}), categories),
            )
            for size in Size
        },
        classes=[_describe_class(total, c, info) for c, info in categories.items()],
        errors=_describe_errors(total, categories),
        confusion=_make_matrix(total, categories),
        confused=list(_list_confused(total, categories)),
        calibration=_describe_calibration(total),
        images=[
            dict(id=record.img_id, file=record.path, pq=100 * record.statistics.pq)
            for record in records
        ],
    )


def mended_quality(
    total: Statistics, categories: Mapping[int, Mapping[str, Any]], cause: Cause
) -> float:
    """Return the PQ, as a fraction, that there would be without the errors of a cause.

    Its false positives are gone, and its false negatives are matches of the mean IoU of those of
    their class, or of all where the class has none.
    """
    matches = total.quality.values()
    found = sum(m.tp for m in matches)
    typical = sum(m.iou for m in matches) / found if found else 0.0
    mended = {}
    for category, m in total.quality.items():
        missed = total.errors[category, cause, True]
        invented = total.errors[category, cause, False]
        iou = m.iou + missed * (m.iou / m.tp if m.tp else typical)
        mended[category] = Matches(iou, m.tp + missed, m.fp - invented, m.fn - missed)
    return average_quality(mended, categories)['pq']


def _percent(quality: Mapping[str, float]) -> dict[str, float]:
    return {name: value if name == 'n' else 100 * value for name, value in quality.items()}


def _grouped(
    outcomes: Outcomes, categories: Mapping[int, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    groups = group_categories(categories)
    return {name: _percent(average_quality(outcomes, members)) for name, members in groups.items()}


def _describe_class(total: Statistics, category: int, info: Mapping[str, Any]) -> dict[str, Any]:
    matches = total.quality.get(category, Matches())
    boundary = total.boundary.get(category, Matches()).quality()['pq']
    return dict(
        name=info['name'],
        kind='thing' if info['isthing'] == 1 else 'stuff',
        **_percent(matches.quality()),
        boundary_pq=100 * boundary,
        tp=matches.tp,
        fp=matches.fp,
        fn=matches.fn,
        errors={
            cause: dict(
                fn=total.errors[category, cause, True], fp=total.errors[category, cause, False]
            )
            for cause in Cause
        },
    )


def _describe_errors(
    total: Statistics, categories: Mapping[int, Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    before = average_quality(total.quality, categories)['pq']
    return {
        cause: dict(
            fn=sum(total.errors[category, cause, True] for category in categories),
            fp=sum(total.errors[category, cause, False] for category in categories),
            gain=100 * (mended_quality(total, categories, cause) - before),
        )
        for cause in Cause
    }


def _make_matrix(total: Statistics, categories: Mapping[int, Any]) -> list[list[int]]:
    """Return pixels by annotated class, and by predicted class with void last."""
    return [[total.pixels[gt, pred] for pred in (*categories, None)] for gt in categories]


def _list_confused(
    total: Statistics, categories: Mapping[int, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the pairs of classes between which most pixels are confused, the worst first."""
    annotated: dict[int, int] = {}
    for (gt, _), pixels in total.pixels.items():
        annotated[gt] = annotated.get(gt, 0) + pixels
    wrong = [
        (pixels, gt, pred)
        for (gt, pred), pixels in total.pixels.items()
        if pred is not None and pred != gt
    ]
    for pixels, gt, pred in sorted(wrong, key=lambda entry: -entry[0])[:NUM_CONFUSED]:
        yield dict(
            truth=categories[gt]['name'],
            predicted=categories[pred]['name'],
            pixels=pixels,
            share=pixels / annotated[gt],
            segments=total.confused[gt, pred],
        )


def _describe_calibration(total: Statistics) -> dict[str, Any] | None:
    if total.calibration is None:
        return None
    return dict(error=total.calibration.error(), bins=list(total.calibration.describe()))
