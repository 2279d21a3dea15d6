"""List a folder of images without annotations in a JSON: ``unlabeled.py IMAGES OUT.json``.

The JSON is of COCO's form, without annotations, and serves as the ``ann_file`` of a test set, for
instance for ``tools/test.py``; ``tools/pseudo_label.py`` needs only the folder. Every image is
read; if one is damaged, it is named and nothing is written.
"""

import json
import sys
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from projects.kmax.dataset_preparation.command import (  # noqa: E402
    finish,
    make_parser,
    show_progress,
)
from projects.kmax.dataset_preparation.image_files import (  # noqa: E402
    list_images,
    measure_all,
    number_images,
)
from kmax_deeplab.atomic_file import write_atomically  # noqa: E402
from projects.kmax.panoptic_format import read_panoptic_json  # noqa: E402


def parse_args() -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, 'folder of images', 'JSON to write')
    parser.add_argument('--categories', type=Path, help='panoptic JSON with the categories to name')
    args = parser.parse_args()
    if args.out.is_dir():
        parser.error(f'{args.out} is a folder; name the JSON to write')
    return args


def main() -> None:
    """Write the JSON."""
    args = parse_args()
    try:
        categories = (
            read_panoptic_json(args.categories, ('categories',))['categories']
            if args.categories
            else []
        )
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
            content = dict(images=images, categories=categories)
            write_atomically(args.out, json.dumps(content).encode())
    except (OSError, ValueError) as error:
        sys.exit(f'{Path(sys.argv[0]).name}: error: {error}')
    finish(faults, f'{len(names)} images are listed in {args.out}')


if __name__ == '__main__':
    main()
