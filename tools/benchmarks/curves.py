"""Measure how time and memory grow: with the input's size, queries, masks and the batch.

Varies one of them at a time. Beside the time stand the multiply-adds, beside the memory of the
process the tensors alive at once, and beside both of a series of sizes or batches the growth of the
pixels.
"""

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import open_atomically
from kmax_deeplab.cli import Parser
from projects.kmax.benchmark.conditions import Conditions
from projects.kmax.commands.arguments import check_output, config_file

EXAMPLES = """
python tools/benchmark_curves.py --picture curves.png --json curves.json
python tools/benchmark_curves.py kmax_nano_shapes-panoptic --series size batch --runs 1
"""

CONFIG = Path(__file__).resolve().parents[2] / 'configs/kmax/kmax_r50_8xb8-150k_coco-panoptic.py'
BASE = Conditions(size=(385, 385), end_to_end=True)
TRAINING = replace(BASE, size=(257, 257), end_to_end=False, train=True)
SERIES: dict[str, tuple[str, Conditions, Sequence[int]]] = {
    'size': ('side of the input, prediction', BASE, (193, 257, 385, 513, 641, 897, 1281)),
    'queries': ('queries, prediction', BASE, (32, 64, 128, 256, 512)),
    'batch': ('images, prediction', replace(BASE, size=(257, 257)), (1, 2, 4, 8)),
    'train_size': ('side of the input, training step', TRAINING, (129, 193, 257, 385, 513)),
    'train_masks': ('masks, training step', TRAINING, (1, 8, 32, 64, 128)),
    'train_batch': ('images, training step', TRAINING, (1, 2, 4)),
}


@dataclass
class Point:
    """One measurement: what was varied, processor seconds, GMACs, and MiB of two kinds."""

    value: int
    cpu_s: float
    gmacs: float
    peak_mib: float | None
    live_mib: float


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', type=config_file, nargs='?', default=str(CONFIG))
    parser.add_argument('--series', nargs='+', choices=list(SERIES), default=list(SERIES))
    parser.add_argument('--runs', type=int, default=3, help='measured runs of each point')
    parser.add_argument('--threads', type=int, default=1, help='threads of the processor')
    parser.add_argument('--picture', type=Path, metavar='FILE', help='PNG to draw the curves to')
    parser.add_argument('--json', type=Path, metavar='FILE', help='file to write the figures to')
    args = parser.parse_args()
    for name in ('runs', 'threads'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1, but is {getattr(args, name)}')
    if args.picture is not None and args.picture.suffix != '.png':
        parser.error(f'--picture: {args.picture} must end in .png')
    for option in ('picture', 'json'):
        check_output(parser, f'--{option}', getattr(args, option))
    return args


def contestants(name: str, config: Any) -> Iterator[tuple[int, Any]]:
    """Yield each value of a series and a model under its conditions."""
    from projects.kmax.benchmark.contestant import Contestant

    _, base, values = SERIES[name]
    for value in values:
        cfg, conditions = config, base
        if name.endswith('size'):
            conditions = replace(base, size=(value, value))
        elif name.endswith('batch'):
            conditions = replace(base, batch=value)
        elif name.endswith('masks'):
            conditions = replace(base, segments=value)
        else:
            cfg = config.copy()
            cfg.model.panoptic_head.transformer_decoder.num_queries = value
        yield value, Contestant.build(name, cfg, conditions)


def measure(contestant: Any, value: int, runs: int) -> Point:
    """Measure one point, memory first, as what the allocator keeps afterwards is not seen."""
    from torch.utils.flop_counter import FlopCounterMode

    from projects.kmax.benchmark.measuring import alternate, live_peak, measure_peak

    contestant.run()
    peak = measure_peak(contestant.run, 'cpu')
    live = live_peak(contestant.run)
    if not contestant.conditions.train:
        # The counter follows gradients, which there are none of.
        contestant.model.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        contestant.run()
    timing = alternate({'ours': contestant.run}, runs)['ours'].summary()
    return Point(value, timing['cpu_s'], counter.get_total_flops() / 2e9, peak, live)


def draw(found: dict[str, list[Point]], path: Path) -> None:
    """Draw time above and memory below, each with its prediction, dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(found), 6), layout='constrained')
    axes = figure.subplots(2, len(found), squeeze=False)
    for column, (name, points) in enumerate(found.items()):
        values = [point.value for point in points]
        time, memory = axes[0][column], axes[1][column]
        time.plot(values, [p.cpu_s for p in points], 'o-', label='processor seconds')
        # The most work is the least disturbed by what does not grow.
        scale = points[-1].cpu_s / points[-1].gmacs
        time.plot(values, [scale * p.gmacs for p in points], '--', label='as multiply-adds')
        if points[0].peak_mib is not None:
            memory.plot(values, [p.peak_mib for p in points], 'o-', label='process, MiB')
        memory.plot(values, [p.live_mib for p in points], 's-', label='tensors alive, MiB')
        if name.endswith(('size', 'batch')):
            power = 2 if name.endswith('size') else 1
            pixels = [(value / values[-1]) ** power for value in values]
            memory.plot(values, [points[-1].live_mib * p for p in pixels], '--', label='as pixels')
        time.set_title(SERIES[name][0], fontsize=9)
        for ax in (time, memory):
            ax.set(ylim=(0, None), xlim=(0, None))
            ax.spines[['top', 'right']].set_visible(False)
            ax.legend(frameon=False, fontsize=7)
    with open_atomically(path, sync=False) as file:
        figure.savefig(file, dpi=100, format='png')


def main() -> None:
    """Measure all series and print them."""
    args = parse_args()
    import torch
    from mmengine.logging import MMLogger

    from projects.kmax.commands.config_file import read_config_file, require

    torch.set_num_threads(args.threads)
    # Else each weight is listed when it is initialised.
    MMLogger.get_instance('benchmark', log_level='WARNING')
    config = read_config_file(args.config)
    require(config, 'model', 'model.panoptic_head.transformer_decoder')
    found: dict[str, list[Point]] = {}
    print(f'{"":14}{"value":>8}{"cpu s":>10}{"GMACs":>10}{"process MiB":>13}{"alive MiB":>11}')
    for name in args.series:
        found[name] = []
        for value, contestant in contestants(name, config):
            point = measure(contestant, value, args.runs)
            found[name].append(point)
            peak = 'unknown' if point.peak_mib is None else f'{point.peak_mib:.0f}'
            print(
                f'{name:14}{value:8}{point.cpu_s:10.3f}{point.gmacs:10.1f}{peak:>13}'
                f'{point.live_mib:11.0f}',
                flush=True,
            )
    if args.json is not None:
        content = {name: [asdict(point) for point in points] for name, points in found.items()}
        with open_atomically(args.json) as file:
            file.write((json.dumps(content, indent=2) + '\n').encode())
    if args.picture is not None:
        draw(found, args.picture)
