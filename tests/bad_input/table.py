"""Print a table of the kinds of bad input and what came of each.

From the root: ``python tests/bad_input/table.py [--area AREA] [--only TEXT] [--every N]``.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / 'tests'
sys.path[:0] = map(str, (ROOT, HERE / 'bad_input', HERE / 'evaluation', HERE / 'runtime'))

import projects.kmax  # noqa: E402, F401, I001  (before anything of mmdet)

import argparse  # noqa: E402
import multiprocessing  # noqa: E402
import tempfile  # noqa: E402
from collections import Counter  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from functools import partial  # noqa: E402

from all_kinds import KINDS  # noqa: E402
from kinds import OUTCOMES, try_kind  # noqa: E402
from user_folder import make_template  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--area')
    parser.add_argument('--only', default='', help='part of the names of the kinds to try')
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--every', type=int, default=1, metavar='N', help='try every N-th kind')
    parser.add_argument('--first', type=int, default=0, help='number of the first kind to try')
    args = parser.parse_args()
    chosen = [k for k in KINDS if args.area in (None, k.area) and args.only in k.name]
    chosen = chosen[args.first :: args.every]
    with tempfile.TemporaryDirectory() as root:
        template = make_template(Path(root) / 'template')
        with ProcessPoolExecutor(args.jobs, multiprocessing.get_context('fork')) as pool:
            numbers = [KINDS.index(k) for k in chosen]
            outcomes = []
            for outcome in pool.map(partial(try_number, template), numbers):
                print_outcome(chosen[len(outcomes)], outcome)
                outcomes.append(outcome)
    print_counts(chosen, outcomes)
    return any(outcome.name != 'clear' for outcome in outcomes)


def print_outcome(tried, outcome):
    print(f'{outcome.name:9}  {tried.area}: {tried.name}', flush=True)
    if outcome.name != 'clear':
        print('           ' + outcome.reason.replace('\n', '\n           '), flush=True)


def try_number(template, number):
    """Try a kind by its place in the list: its function may have no name."""
    return try_kind(KINDS[number], template, template.with_name(str(number)))


def print_counts(chosen, outcomes):
    """Print a row per area."""
    print(f'\n{"area":20}{"kinds":>7}' + ''.join(f'{name:>11}' for name in OUTCOMES))
    counts = Counter((k.area, o.name) for k, o in zip(chosen, outcomes, strict=True))
    areas = list(dict.fromkeys(k.area for k in chosen))
    for area in areas:
        row = [counts[area, name] for name in OUTCOMES]
        print(f'{area:20}{sum(row):7}' + ''.join(f'{number:11}' for number in row))
    row = [sum(counts[area, name] for area in areas) for name in OUTCOMES]
    print(f'{"all":20}{sum(row):7}' + ''.join(f'{number:11}' for number in row))


if __name__ == '__main__':
    sys.exit(main())
