"""List a folder of images without annotations in a JSON: ``unlabeled.py IMAGES OUT.json``.

The JSON is of COCO's form, without annotations, and serves as the ``ann_file`` of a test set, for
instance for ``tools/test.py``; ``tools/pseudo_label.py`` needs only the folder. Every image is
read; if one is damaged, it is named and nothing is written.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ..dataset_preparation.image_files import list_images, measure_all, number_images
from ..panoptic.categories import find_category_faults
from ..panoptic.faults import refuse
from ..panoptic.files import read_panoptic_json, write_panoptic_json
from .arguments import add_workers, make_parser
from .preparation import finish
from .progress import show_progress

EXAMPLES = r"""
kmax-deeplab prepare-unlabeled photos photos.json
kmax-deeplab prepare-unlabeled photos photos_shapes.json \
    --categories data/shapes/panoptic_val.json
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('src', type=Path, help='folder of images')
    parser.add_argument('out', type=Path, help='JSON to write')
    add_workers(parser)
    parser.add_argument('--categories', type=Path, help='panoptic JSON with the categories to name')
    args = parser.parse_args(argv)
    if args.out.is_dir():
        parser.error(f'{args.out} is a folder; name the JSON to write')
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Write the JSON."""
    args = parse_args(argv, prog)
    categories = []
    if args.categories:
        categories = read_panoptic_json(args.categories, ('categories',))['categories']
        refuse(find_category_faults(categories, {}, str(args.categories)))
    names = list_images(args.src)
    paths = [args.src / name for name in names]
    sizes, faults = measure_all(paths, args.workers, show_progress, 'reading images')
    if not faults:
        images = [
            dict(id=number, file_name=name, width=width, height=height)
            for (name, number), (width, height) in zip(
                number_images(names).items(), sizes, strict=True
            )
        ]
        write_panoptic_json(args.out, images=images, categories=categories)
    finish(args.prog, faults, f'{len(names)} images are listed in {args.out}')
