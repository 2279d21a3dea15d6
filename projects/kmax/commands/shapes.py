"""Draw a procedural panoptic data set in COCO panoptic format.

Writes ``{train,val}/*.jpg``, ``panoptic_{train,val}/*.png`` and ``panoptic_{train,val}.json``.
The same arguments always give the same files, whatever the number of workers.
"""

import json
import shutil
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.local_files import MAX_PIXELS

from ..panoptic.files import write_panoptic_json, write_panoptic_png
from ..panoptic.json_files import read_json
from ..parallel import run_parallel
from .arguments import add_workers, check_least, make_parser
from .preparation import held
from .progress import show_progress

VERSION = 2  # raise it whenever the same arguments would give other pictures
RECIPE = 'shapes.json'
SPLITS = ('train', 'val')

EXAMPLES = """
kmax-deeplab shapes data/shapes
kmax-deeplab shapes data/few --train 8 --val 4   # to try out in seconds
kmax-deeplab shapes data/large --train 100 --val 10 --size 640 480
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('out_dir', type=Path, help='folder of the data set')
    parser.add_argument('--train', type=int, default=4000, help='number of training scenes')
    parser.add_argument('--val', type=int, default=100, help='number of validation scenes')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(160, 128), metavar=('WIDTH', 'HEIGHT')
    )
    parser.add_argument('--seed', type=int, default=0)
    add_workers(parser)
    parser.add_argument(
        '--force', action='store_true', help='replace a data set drawn with other arguments'
    )
    args = parser.parse_args(argv)
    from ..datasets.shapes import MIN_SIDE

    if min(args.size) < MIN_SIDE:
        parser.error(f'--size needs at least {MIN_SIDE} pixels a side, got {args.size}')
    if args.size[0] * args.size[1] > MAX_PIXELS:
        parser.error(f'--size may be up to {MAX_PIXELS} pixels in all, got {args.size}')
    check_least(parser, args, train=0, val=0, seed=0, workers=1)
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Draw as the command line says."""
    args = parse_args(argv, prog)
    recipe = dict(
        version=VERSION, seed=args.seed, size=list(args.size), train=args.train, val=args.val
    )
    with held(args.out_dir):
        if not claim_folder(args.out_dir, recipe, args.force):
            print(f'{args.out_dir} already holds this data set, nothing to draw')
            return
        for split in SPLITS:
            draw_split(args.out_dir, split, recipe, args.workers)
    print(f'{args.train} training and {args.val} validation scenes are in {args.out_dir}')


def claim_folder(out_dir: Path, recipe: dict[str, Any], force: bool) -> bool:
    """Make the folder ready for drawing; return False where the same data set is there already.

    A FileExistsError says that it holds something else; ``force`` replaces only what was drawn.
    """
    mark = out_dir / RECIPE
    if out_dir.exists() and not mark.exists() and (out_dir.is_file() or any(out_dir.iterdir())):
        raise FileExistsError(
            f'{out_dir} holds files that are not from make_shapes.py (no {RECIPE}); '
            'choose a new or empty folder'
        )
    if mark.exists():
        found = _read_recipe(mark)
        if found == recipe:
            return not is_complete(out_dir, recipe)
        if not force:
            raise FileExistsError(
                f'{out_dir} was drawn with other arguments ({found}, now {recipe}); '
                'choose another folder, or --force to replace it'
            )
        for split in SPLITS:
            (out_dir / f'panoptic_{split}.json').unlink(missing_ok=True)
            for folder in (out_dir / split, out_dir / f'panoptic_{split}'):
                shutil.rmtree(folder, ignore_errors=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(mark, json.dumps(recipe).encode())
    return True


def _read_recipe(mark: Path) -> Any:
    try:
        return read_json(mark, str(mark))
    except ValueError as error:
        raise ValueError(f'{error}; delete {mark.parent} to draw it anew') from error


def is_complete(out_dir: Path, recipe: dict[str, Any]) -> bool:
    """Tell whether every annotation file is there and every picture it needs."""
    for split in SPLITS:
        if not (out_dir / f'panoptic_{split}.json').exists():
            return False
        for folder, suffix in ((split, 'jpg'), (f'panoptic_{split}', 'png')):
            present = {path.name for path in (out_dir / folder).glob(f'*.{suffix}')}
            if not present.issuperset(f'{i:06d}.{suffix}' for i in range(1, recipe[split] + 1)):
                return False
    return True


def draw_split(out_dir: Path, split: str, recipe: dict[str, Any], workers: int) -> None:
    """Draw one split; its JSON file comes last, so that it stands only beside a whole split."""
    from ..datasets.shapes import CATEGORIES

    for folder in (out_dir / split, out_dir / f'panoptic_{split}'):
        folder.mkdir(exist_ok=True)
    annotation_file = out_dir / f'panoptic_{split}.json'
    annotation_file.unlink(missing_ok=True)
    width, height = recipe['size']
    draw = partial(draw_files, out_dir, split, recipe['seed'], width, height)
    annotations = list(
        show_progress(
            run_parallel(draw, range(1, recipe[split] + 1), workers),
            f'drawing {split}',
            recipe[split],
        )
    )
    images = [
        dict(id=index, file_name=f'{index:06d}.jpg', width=width, height=height)
        for index in range(1, recipe[split] + 1)
    ]
    info = dict(description='Procedural panoptic scenes of shapes on textured ground', **recipe)
    write_panoptic_json(
        annotation_file, info=info, images=images, annotations=annotations, categories=CATEGORIES
    )


def draw_files(
    out_dir: Path, split: str, seed: int, width: int, height: int, index: int
) -> dict[str, Any]:
    """Write the image and the panoptic PNG of one scene and return its annotation."""
    from ..datasets.shapes import draw_scene

    scene = draw_scene(
        np.random.SeedSequence([seed, SPLITS.index(split), index]), width=width, height=height
    )
    write_image(out_dir / split / f'{index:06d}.jpg', scene.image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    write_panoptic_png(out_dir / f'panoptic_{split}' / f'{index:06d}.png', scene.ids)
    return dict(image_id=index, file_name=f'{index:06d}.png', segments_info=scene.segments_info)


def write_image(path: Path, image: np.ndarray, flags: list[int]) -> None:
    """Write an image, which appears whole or not at all."""
    _, encoded = cv2.imencode(path.suffix, image, flags)
    write_atomically(path, encoded.tobytes())
