"""List the published models, or download and convert their weights.

A name of the list stands for a model wherever a config is asked for, and without weights for its
weights, too: DetInferencer('kmax_r50_coco'). They are kept in torch's hub folder (TORCH_HOME);
what --fetch brings there is used without a network. GMACs are for an image of the test size.
"""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from kmax_deeplab.errors import explain, one_line
from kmax_deeplab.released import ReleasedModel, find_model, find_weights, list_models

from .arguments import make_parser

COLUMNS = ('name', 'data set', 'published', 'parameters', 'GMACs', 'licence', 'here')

EXAMPLES = """
kmax-deeplab models
kmax-deeplab models --fetch kmax_r50_coco   # to predict without a network later
kmax-deeplab models --json
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--json', action='store_true', help='print a JSON, with URLs and files')
    what.add_argument(
        '--fetch',
        nargs='+',
        type=model_name,
        metavar='NAME',
        help='download the weights of these models and convert them, and print where they are',
    )
    parser.add_argument(
        '--mirror',
        metavar='URL',
        help="folder to download archives from instead of the authors' (default: KMAX_MIRROR)",
    )
    args = parser.parse_args(argv)
    if args.mirror and not args.fetch:
        parser.error('--mirror says where --fetch downloads from: give both')
    return args


def model_name(name: str) -> str:
    """Return the short name of a model that a command line names."""
    try:
        return find_model(name).alias
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def table(models: Iterable[ReleasedModel]) -> str:
    """Return the models, one a line in columns."""
    rows = [COLUMNS, *map(cells, models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ('  '.join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return '\n'.join(lines)


def cells(model: ReleasedModel) -> tuple[str, ...]:
    """Return what the table says of a model."""
    return (
        model.alias,
        model.data_set,
        ', '.join(f'{name} {value}' for name, value in model.figures.items()) or '-',
        f'{model.parameters / 1e6:.2f} M',
        f'{model.macs / 1e9:.1f}',
        model.licence,
        'yes' if find_weights(model) else 'no',
    )


def describe(model: ReleasedModel) -> dict[str, object]:
    """Return all that is known of a model, for a JSON."""
    path = find_weights(model)
    return asdict(model) | dict(file=None if path is None else str(path))


def fetch_all(args: Namespace) -> int:
    """Fetch models one after the other; say of each where it is, or why not.

    Returns:
        The exit status: 0, 1 if some could not be fetched, or 2 if none could.
    """
    from ..released import fetch

    failed = 0
    for name in args.fetch:
        try:
            config, checkpoint = fetch(name, args.mirror)
        except (OSError, ValueError) as error:
            text = explain(error)
            if text is None:
                raise
            failed += 1
            print(f'{args.prog}: error: {name}: {one_line(text)}', file=sys.stderr)
        else:
            print(f'{name}\n  config      {config}\n  checkpoint  {checkpoint}', flush=True)
    return 0 if not failed else 2 if failed == len(args.fetch) else 1


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int | None:
    args = parse_args(argv, prog)
    if args.fetch:
        return fetch_all(args)
    if args.json:
        print(json.dumps([describe(model) for model in list_models()], indent=2))
    else:
        print(table(list_models()))
    return None
