"""What a benchmark found, as a table, JSON and a picture."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from kmax_deeplab.atomic_file import open_atomically

from .run import OURS, PEER, Benchmark

FIGURES = {
    'median_s': ('median, s', '{:.4g}'),
    'min_s': ('fastest, s', '{:.4g}'),
    'spread': ('spread', '{:.0%}'),
    'cpu_s': ('processor, s', '{:.4g}'),
    'images_per_s': ('images/s', '{:.3g}'),
    'peak_mib': ('peak memory, MiB', '{:.0f}'),
    'gmacs': ('GMACs', '{:.1f}'),
    'parameters_m': ('parameters, M', '{:.2f}'),
}
UNKNOWN = 'unknown'


def content(found: Benchmark) -> dict[str, Any]:
    """Return all figures, as the JSON has them."""
    return dict(
        ours=found.figures[OURS],
        peer=found.figures.get(PEER),
        **{name: value for name, value in found.figures.items() if name not in (OURS, PEER)},
        ratio=found.ratio(PEER),
        cpu_ratio=found.ratio(PEER, 'cpu_s'),
        equal=found.equal,
        differences={name: value.summary() for name, value in found.differences.items()},
        titles=found.titles,
        conditions={**asdict(found.conditions), 'content': found.conditions.content},
        machine=found.machine,
    )


def write_json(found: Benchmark, path: Path) -> None:
    """Write all figures."""
    with open_atomically(path) as file:
        file.write((json.dumps(content(found), indent=2) + '\n').encode())


def table(found: Benchmark) -> str:
    """Return the figures as lines to print: a column per contestant."""
    rows = [['', *found.figures]]
    for key, (title, form) in FIGURES.items():
        values = (figures.get(key) for figures in found.figures.values())
        rows.append([title, *(UNKNOWN if x is None else form.format(x) for x in values)])
    rows.append(['stages, s' + (' (not compiled)' if found.conditions.compile else '')])
    totals = {name: sum(figures['stages'].values()) for name, figures in found.figures.items()}
    for stage in _all_stages(found):
        seconds = {name: f['stages'].get(stage, 0.0) for name, f in found.figures.items()}
        shares = (f'{value:.4g} {value / totals[name]:4.0%}' for name, value in seconds.items())
        rows.append([f'  {stage}', *shares])
    wide = max(len(row[0]) for row in rows) + 2
    lines = [f'{row[0]:{wide}}' + ''.join(f'{cell:>16}' for cell in row[1:]) for row in rows]
    return '\n'.join([*_head(found), '', *lines, '', *_ratios(found)])


def _head(found: Benchmark) -> list[str]:
    conditions, machine = found.conditions, found.machine
    height, width = conditions.size
    work = 'training step' if conditions.train else 'network'
    if conditions.end_to_end:
        work = f'image to map of {conditions.output[0]}x{conditions.output[1]}'
    load = UNKNOWN
    if machine['load_before'] is not None:
        load = f'{machine["load_before"]:.1f} to {machine["load_after"]:.1f}'
    return [
        f'{work}: input {height}x{width}, batch {conditions.batch}, {conditions.dtype}',
        f'on {machine["device"]}: {machine["processor"]}, {machine["threads"]} threads of '
        f'{machine["cores"]} cores, load {load}',
        *(f'{name}: {title}' for name, title in found.titles.items()),
    ]


def _ratios(found: Benchmark) -> list[str]:
    return [
        f'{OURS} / {name}: {found.ratio(name):.3f} on the clock, '
        f'{found.ratio(name, "cpu_s"):.3f} of processor time{_outputs(found, name)}'
        for name in found.figures
        if name != OURS
    ]


def _all_stages(found: Benchmark) -> list[str]:
    return list(dict.fromkeys(s for figures in found.figures.values() for s in figures['stages']))


def _outputs(found: Benchmark, name: str) -> str:
    difference = found.differences.get(name)
    if difference is None:
        return ''
    return (
        f'\n  outputs {"equal" if difference.equal else "DIFFER"}: {difference.assignments:.2%} of '
        f'the pixels are of another query, {difference.maps:.2%} of another value in the map; mask '
        f'logits differ by up to {difference.logits:.1e} standard deviations, losses by '
        f'{difference.loss:.1e}, gradients by {difference.gradient:.1e}'
    )


def draw(found: Benchmark, path: Path) -> None:
    """Draw how long each takes, by stages, as a PNG or another format that the suffix names."""
    names = list(found.figures)
    figure = Figure(figsize=(9, 1.6 + 0.8 * len(names)), layout='constrained')
    axes = figure.subplots()
    colors = matplotlib.colormaps['tab10']
    ends = [0.0] * len(names)
    for index, stage in enumerate(_all_stages(found)):
        # The stages were measured apart: their shares divide the median.
        widths = [_seconds(found.figures[name], stage) for name in names]
        axes.barh(names, widths, left=ends, color=colors(index), label=stage)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for row, (name, end) in enumerate(zip(names, ends, strict=True)):
        figures = found.figures[name]
        text = f' {figures["median_s"]:.3g} s'
        if figures['peak_mib'] is not None:
            text += f', {figures["peak_mib"]:.0f} MiB'
        axes.text(end, row, text, va='center')
    labels = [f'{name}\n{found.titles[name]}' for name in names]
    axes.set_yticks(range(len(names)), labels)
    axes.set_xlim(0, 1.25 * max(ends))
    axes.invert_yaxis()
    axes.set_xlabel('seconds')
    axes.spines[['top', 'right']].set_visible(False)
    figure.legend(frameon=False, loc='outside lower center', ncols=4)
    with open_atomically(path, sync=False) as file:
        figure.savefig(file, dpi=120, format=path.suffix.removeprefix('.'))


def _seconds(figures: dict[str, Any], stage: str) -> float:
    stages = figures['stages']
    return figures['median_s'] * stages.get(stage, 0.0) / sum(stages.values())
