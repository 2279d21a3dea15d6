"""Draw image, ground truth, prediction and k-means clustering of images of a config's test set."""

from argparse import Namespace
from collections.abc import Sequence

from .arguments import (
    add_config,
    add_device,
    add_options_of_config,
    check_least,
    existing_file,
    make_parser,
    read_config,
)
from .progress import show_progress

EXAMPLES = r"""
kmax-deeplab draw kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth pictures
kmax-deeplab draw kmax_nano_shapes-panoptic \
    work_dirs/kmax_nano_shapes-panoptic/iter_2000.pth four_pictures --num 4
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_config(parser)
    parser.add_argument('checkpoint', type=existing_file, help='its weights')
    parser.add_argument('out_dir', help='folder for the pictures')
    parser.add_argument('--num', type=int, default=12, help='number of images (default: 12)')
    add_options_of_config(parser)
    add_device(parser)
    args = parser.parse_args(argv)
    check_least(parser, args, num=1)
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Draw as the command line says."""
    args = parse_args(argv, prog)
    from mmdet.apis import init_detector

    from ..runtime.malloc import keep_freed_memory
    from ..visualization.comparison import write_comparisons

    keep_freed_memory()
    cfg = read_config(args, 'model', 'test_dataloader.dataset')
    model = init_detector(cfg, args.checkpoint, device=args.device, cfg_options={})
    files = write_comparisons(model, args.out_dir, args.num, show_progress)
    print(f'{len(files)} pictures in {args.out_dir}')
