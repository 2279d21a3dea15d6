"""Training curves, from what mmengine logs.

mmdet's ``analyze_logs.py`` groups by epoch, of which a training by iterations has none, fails at
the half line of a killed run, does not join resumed runs, and needs seaborn.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kmax_deeplab.atomic_file import open_atomically

QUALITIES = {'PQ': 'PQ', 'PQ_th': 'PQ of things', 'PQ_st': 'PQ of stuff', 'mIoU': 'mIoU'}
LINES: dict[str, Any] = {'PQ': '-', 'mIoU': '--'}
"""What trainings are compared by, and how it is drawn."""

SEG_PREFIX = 'decode.'
"""What mmseg puts before the names of a decode head's losses."""
STYLE: Any = {
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.alpha': 0.3,
}
Record = dict[str, Any]


@dataclass
class TrainingLog:
    """Losses with the learning rate, and metrics, of one training; each record has its ``step``."""

    train: list[Record] = field(default_factory=list)
    val: list[Record] = field(default_factory=list)


def _read_records(path: Path) -> Iterable[Record]:
    """Yield what each line holds; a ValueError names a line with losses that are no numbers."""
    try:
        lines = path.read_text('utf-8-sig').splitlines()
    except UnicodeError as error:
        raise ValueError(f'{path} is no log of a training: it is no text ({error})') from error
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue  # A run that is killed leaves half a line.
        if isinstance(record, dict):
            _check_numbers(record, f'line {number} of {path}')
            yield record


def _check_numbers(record: Record, place: str) -> None:
    drawn = {name for name in record if _is_loss(name) or name.rpartition('/')[2] in QUALITIES}
    for name in sorted(drawn) + (['step', 'lr'] if 'loss' in record else []):
        value = record.get(name)
        if not isinstance(value, int | float) and (value is not None or name not in drawn):
            said = 'is missing' if name not in record else f'is {value!r}, no number'
            raise ValueError(f'{place}: {name} {said}')


def _is_loss(key: str) -> bool:
    name = key.removeprefix(SEG_PREFIX)
    return name == 'loss' or name.startswith('loss_')


def read_training_log(work_dir: Path | str) -> TrainingLog:
    """Read ``*/vis_data/scalars.json`` of a work_dir, its runs in the order they were started.

    A later run, resumed or started anew, replaces what earlier ones logged from its first iteration
    on.
    """
    log = TrainingLog()
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        train, val = _split_records(_read_records(path))
        if train:
            first = train[0]['step']
            log.train = [record for record in log.train if record['step'] < first] + train
            log.val = [record for record in log.val if record['step'] < first] + val
    if not log.train:
        raise FileNotFoundError(f'no losses in {work_dir}/*/vis_data/scalars.json')
    return log


def _split_records(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    train: list[Record] = []
    val: list[Record] = []
    for record in records:
        if 'loss' in record:
            train.append(record)
        elif train and any(_quality(record, name) is not None for name in QUALITIES):
            # mmengine numbers validations by epoch unless told otherwise.
            val.append(record | {'step': max(record.get('step', 0), train[-1]['step'])})
    return train, val


def _quality(record: Record, name: str) -> float | None:
    for key, value in record.items():
        if key.rpartition('/')[2] == name:
            return value
    return None


def _plot(
    axes: Axes, records: list[Record], values: list[float | None], label: str, **style: Any
) -> None:
    points = [(r['step'], v) for r, v in zip(records, values, strict=True) if v is not None]
    if points:
        steps, heights = zip(*points, strict=True)
        marker = 'o' if len(points) < 30 else ''
        axes.plot(steps, heights, label=label, linewidth=1.5, marker=marker, **style)


def _plot_losses(axes: Axes, train: list[Record]) -> None:
    for key in filter(_is_loss, train[-1]):
        name = key.removeprefix(SEG_PREFIX)
        label = 'total of all layers' if name == 'loss' else name.removeprefix('loss_')
        _plot(axes, train, [record.get(key) for record in train], label)
    axes.set(title='Losses of the final prediction', xlabel='iteration', yscale='log')
    _add_legend(axes)
    rate = axes.twinx()
    steps, values = [record['step'] for record in train], [record['lr'] for record in train]
    rate.plot(steps, values, color='0.6', linestyle=':')
    rate.set_ylabel('learning rate (dotted)', color='0.5')
    rate.tick_params(colors='0.5')
    rate.spines['right'].set(visible=True, color='0.8')
    rate.grid(False)


def _plot_quality(axes: Axes, val: list[Record]) -> None:
    for name, label in QUALITIES.items():
        _plot(axes, val, [_quality(record, name) for record in val], label)
    _title_quality(axes)
    if axes.lines:
        _add_legend(axes)
    for line in axes.lines:
        x, y = np.asarray(line.get_xydata())[-1]
        axes.text(x, y, f'   {y:.1f}', color=line.get_color(), va='center')


def _title_quality(axes: Axes) -> None:
    axes.set(title='Quality on validation images', xlabel='iteration', ylim=(0, 100))
    if not axes.lines:
        axes.text(0.5, 0.5, 'no validation yet', transform=axes.transAxes, ha='center')


def _add_legend(axes: Axes, columns: int = 3) -> None:
    axes.legend(frameon=False, loc='upper center', bbox_to_anchor=(0.5, -0.12), ncols=columns)


def draw_training_curve(work_dir: Path | str, out_file: Path | str) -> None:
    """Write a picture of the losses (left) and the quality (right) over iterations.

    Args:
        work_dir: Folder of an mmengine training; resumed runs are joined.
        out_file: PNG to write.

    Raises:
        FileNotFoundError: If no run under ``work_dir`` has logged anything.
    """
    log = read_training_log(work_dir)
    with matplotlib.rc_context(STYLE):
        figure, left, right = _new_figure()
        _plot_losses(left, log.train)
        _plot_quality(right, log.val)
        left.set_xlim(left=0)
        _save(figure, out_file)


def compare_trainings(work_dirs: Sequence[Path | str], out_file: Path | str) -> None:
    """Write a picture of the total loss (left) and the quality (right) of several trainings.

    PQ is drawn where it was measured, mIoU dashed. Losses of different recipes are sums of
    different terms.

    Args:
        work_dirs: Folders of mmengine trainings. Their names are the labels, their paths where
            two have one name.
        out_file: PNG to write.

    Raises:
        FileNotFoundError: If one of them has logged nothing.
    """
    logs = [read_training_log(work_dir) for work_dir in work_dirs]
    with matplotlib.rc_context(STYLE):
        figure, left, right = _new_figure()
        for index, (name, log) in enumerate(zip(_labels(work_dirs), logs, strict=True)):
            style = {'color': f'C{index}'}
            _plot(left, log.train, [record.get('loss') for record in log.train], name, **style)
            for quality, line in LINES.items():
                values = [_quality(record, quality) for record in log.val]
                _plot(right, log.val, values, quality, linestyle=line, **style)
        left.set(title='Total loss', xlabel='iteration', xlim=(0, None))
        _add_legend(left, columns=2)
        _title_quality(right)
        # The legend on the left tells the colours.
        styles = [Line2D([], [], color='black', linestyle=line) for line in LINES.values()]
        right.legend(styles, list(LINES), frameon=False, loc='upper left')
        _save(figure, out_file)


def _labels(work_dirs: Sequence[Path | str]) -> list[str]:
    paths = [Path(work_dir).absolute() for work_dir in work_dirs]
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in work_dirs]


def _save(figure: Figure, out_file: Path | str) -> None:
    with open_atomically(Path(out_file), sync=False) as file:
        ending = Path(out_file).suffix.removeprefix('.') or None
        figure.savefig(file, dpi=120, format=ending)


def _new_figure() -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=(12, 4.5), layout='constrained')
    left, right = figure.subplots(1, 2, sharex=True)
    return figure, left, right
