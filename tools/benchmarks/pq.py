"""Compare the speed of panoptic quality: ours, hotcoco's, mmdet's and panopticapi's.

Draws images of 640x480, evaluates the same predictions with each in turn, several times in one run
(with mmdet's, the slowest, once), and fails where the figures differ. Predictions in memory are
compared by a metric, those on disk by a function. Without hotcoco (``pip install hotcoco``) the
others are compared.
"""

import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from statistics import median

from kmax_deeplab.cli import Parser

EXAMPLES = """
python tools/benchmark_pq.py
python tools/benchmark_pq.py --images 50   # a quick look
"""

ROUNDS = 5
TOLERANCE = 1e-12


def run_metric(kind: str, folder: Path, samples: list[dict], **options: object) -> dict:
    """Evaluate predictions in memory by a registered metric."""
    from mmdet.datasets import CocoPanopticDataset
    from mmdet.registry import METRICS

    metric = METRICS.build(
        dict(type=kind, ann_file=str(folder / 'gt.json'), seg_prefix=str(folder / 'gt'), **options)
    )
    metric.dataset_meta = CocoPanopticDataset.METAINFO
    for sample in samples:
        metric.process({}, [sample])
    return metric.evaluate(len(samples))


def run_files(folder: Path) -> dict:
    """Evaluate predictions on disk by our ``pq_compute``."""
    from projects.kmax.evaluation import pq_compute

    return in_percent(pq_compute(*files(folder), folder / 'gt'))


def run_hotcoco(folder: Path) -> dict:
    """Evaluate predictions on disk by hotcoco."""
    from hotcoco.panoptic import pq_compute

    truth, predicted = map(str, files(folder))
    return in_percent(pq_compute(truth, predicted, gt_folder=str(folder / 'gt')))


def files(folder: Path) -> tuple[Path, Path]:
    """Return the JSON of the annotations and that of the predictions."""
    return folder / 'gt.json', folder / 'pred.panoptic.json'


def in_percent(results: dict[str, dict]) -> dict[str, float]:
    """Return figures by the names that metrics give them."""
    from mmdet.evaluation.metrics.coco_panoptic_metric import parse_pq_results

    return parse_pq_results(results)


def run_panopticapi(folder: Path) -> dict:
    """Evaluate predictions on disk, as panopticapi's ``pq_compute_single_core`` does."""
    from mmdet.evaluation.functional import pq_compute_single_core

    truth, prediction = (json.loads(path.read_text()) for path in files(folder))
    predicted = prediction['annotations']
    by_image = {annotation['image_id']: annotation for annotation in predicted}
    pairs = [(a, by_image[a['image_id']]) for a in truth['annotations']]
    categories = {category['id']: category for category in truth['categories']}
    stat = pq_compute_single_core(
        0, pairs, str(folder / 'gt'), str(folder / 'pred.panoptic'), categories
    )
    groups = dict(All=None, Things=True, Stuff=False)
    return in_percent(
        {name: stat.pq_average(categories, isthing=kind)[0] for name, kind in groups.items()}
    )


def timed(work: Callable[[], dict]) -> tuple[dict, float, float]:
    """Return figures without their prefix, seconds on the clock and seconds of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        found = work()
    seconds = time.perf_counter() - clock, time.process_time() - processor
    return {name.rpartition('/')[2]: value for name, value in found.items()}, *seconds


def typical(results: list[tuple[dict, float, float]]) -> tuple[dict, float, float]:
    """Return the figures of one work, and the medians of its seconds."""
    figures, clocks, processors = zip(*results, strict=True)
    return figures[0], median(clocks), median(processors)


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = Parser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('--images', type=int, default=600, help='number of images, 600 by default')
    args = parser.parse_args()
    if args.images < 1:
        parser.error(f'--images must be at least 1, but is {args.images}')
    return args


def main() -> None:
    """Print a table of seconds and ratios."""
    args = parse_args()
    from mmengine.logging import MMLogger

    from .pq_scenes import make_data

    MMLogger.get_instance('benchmark', log_level='ERROR')
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        samples = make_data(folder, args.images)
        run_metric(
            'KMaXPanopticMetric',
            folder,
            samples,
            format_only=True,
            outfile_prefix=str(folder / 'pred'),
        )
        runs = {
            'KMaXPanopticMetric': lambda: run_metric('KMaXPanopticMetric', folder, samples),
            'pq_compute': lambda: run_files(folder),
            'hotcoco': lambda: run_hotcoco(folder),
            'panopticapi, 1 core': lambda: run_panopticapi(folder),
        }
        if importlib.util.find_spec('hotcoco') is None:
            print('hotcoco is not installed')
            del runs['hotcoco']
        rounds = [{name: timed(run) for name, run in runs.items()} for _ in range(ROUNDS)]
        results = {name: typical([results[name] for results in rounds]) for name in runs}
        # Once and last, as it changes the predictions.
        coco = 'CocoPanopticMetric'
        results[coco] = timed(lambda: run_metric(coco, folder, samples))
    report(results, args.images)


def report(results: dict[str, tuple[dict, float, float]], images: int) -> None:
    """Print the table; leave with an error where figures differ."""
    figures, _, seconds = results['KMaXPanopticMetric']
    cores = os.cpu_count()
    from .pq_scenes import HEIGHT, WIDTH

    print(f'{images} images of {WIDTH}x{HEIGHT}, {cores} cores, PQ {figures["PQ"]:.3f}')
    print(f'{"":22}{"s":>8}{"cpu s":>8}{"cpu ms/im":>10}{"ours faster":>13}{"difference":>13}')
    worst = 0.0
    for name, (found, clock, processor) in results.items():
        difference = max(abs(found[key] - value) for key, value in figures.items())
        worst = max(worst, difference)
        print(
            f'{name:22}{clock:8.2f}{processor:8.2f}{1000 * processor / images:10.2f}'
            f'{processor / seconds:12.2f}x{difference:13.1e}'
        )
    if worst > TOLERANCE:
        sys.exit(f'the figures differ by {worst}')
