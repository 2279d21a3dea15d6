"""Compare runs.

``curves`` draws the losses and the quality of trainings into one picture, as the command
``curve`` does; ``compare`` shows how reports of tools/test.py --report differ. Either lists its
options by --help.
"""

import sys
from collections.abc import Sequence
from inspect import getdoc
from pathlib import Path

from . import curve
from .arguments import check_output, make_parser

EXAMPLES = """
kmax-deeplab analyze curves work_dirs/quickstart work_dirs/kmax_nano_shapes-panoptic
kmax-deeplab analyze compare report report_onnx
"""

COMPARE_EXAMPLES = """
kmax-deeplab analyze compare report report_onnx
kmax-deeplab analyze compare report report_onnx --out comparison.html
"""


def compare(argv: Sequence[str], prog: str) -> None:
    """Compare reports of evaluations of the same data, with the first of them.

    Prints qualities, unmatched segments by cause, and the classes that differ most.
    """
    parser = make_parser(getdoc(compare), prog, COMPARE_EXAMPLES)
    parser.add_argument(
        'report', type=Path, nargs='+', help='report.json of an evaluation, or its folder'
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='HTML page to write it all to')
    args = parser.parse_args(argv)
    if len(args.report) < 2:
        parser.error('two or more reports are needed to compare')
    check_output(parser, '--out', args.out)
    if args.out is not None and args.out.suffix not in ('.html', '.htm'):
        parser.error(f'--out: {args.out} must end in .html')
    from kmax_deeplab.atomic_file import write_atomically

    from ..html_page import refuse_page_of_others
    from ..report.comparison import compare_reports, make_comparison_page, table
    from ..report.page import PAGE_NAME

    if args.out is not None:
        folders = [each if each.is_dir() else each.parent for each in args.report]
        if args.out.resolve() in [(folder / PAGE_NAME).resolve() for folder in folders]:
            parser.error(f'--out: {args.out} is the page of a report that is compared')
        refuse_page_of_others(args.out)
    found = compare_reports(args.report)
    print(table(found))
    if args.out is not None:
        write_atomically(args.out, make_comparison_page(found))
        print(f'\ncomparison in {args.out}')


KINDS = {'curves': curve.main, 'compare': compare}


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Compare as the command line says."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('kind', choices=KINDS, help='what to compare')
    kind = parser.parse_args(words[:1]).kind
    KINDS[kind](words[1:], f'{parser.prog} {kind}')
