"""Draw the losses and the quality of a training over its iterations, or compare trainings.

``analyze curves`` is the same.
"""

from collections.abc import Sequence
from pathlib import Path

from .arguments import check_output, make_parser

EXAMPLES = r"""
kmax-deeplab curve work_dirs/kmax_nano_shapes-panoptic
kmax-deeplab curve work_dirs/quickstart work_dirs/kmax_nano_shapes-panoptic \
    --out curves.png
"""


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Draw as the command line says."""
    examples = EXAMPLES
    if prog is not None and prog.endswith(' curves'):
        examples = EXAMPLES.replace('kmax-deeplab curve', 'kmax-deeplab analyze curves')
    parser = make_parser(__doc__, prog, examples)
    parser.add_argument('work_dir', type=Path, nargs='+', help='work_dir of each training')
    parser.add_argument(
        '--out', type=Path, help='PNG (default: training_curve.png in the first work_dir)'
    )
    args = parser.parse_args(argv)
    out_file = args.out or args.work_dir[0] / 'training_curve.png'
    check_output(parser, '--out', args.out)
    from ..visualization.training_curve import compare_trainings, draw_training_curve

    if len(args.work_dir) == 1:
        draw_training_curve(args.work_dir[0], out_file)
    else:
        compare_trainings(args.work_dir, out_file)
    print(f'training curve in {out_file}')
