"""Prepare COCO panoptic from the official downloads: ``coco.py DOWNLOADS data/coco``.

DOWNLOADS holds the archives of https://cocodataset.org/#download, or what was in them:

    train2017.zip  val2017.zip  panoptic_annotations_trainval2017.zip
    unlabeled2017.zip (with --splits ... unlabeled)

Nothing is converted: COCO is in COCO's format. Archives are unpacked, folders are linked to, and
every file is read. What is missing or damaged is named. Start it again after an interruption.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ..dataset_preparation.archives import collect, find_missing, unpack
from ..dataset_preparation.image_files import list_images, measure_all
from ..panoptic.faults import Fault
from .preparation import check_split, finish, held, preparation_parser
from .progress import show_progress

ANNOTATIONS = 'panoptic_annotations_trainval2017.zip'
URL = 'http://images.cocodataset.org/'

EXAMPLES = """
kmax-deeplab prepare-coco downloads data/coco
kmax-deeplab prepare-coco downloads data/coco --splits val   # without the training images
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = preparation_parser(__doc__, prog, 'data/coco', EXAMPLES)
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['train', 'val'],
        choices=['train', 'val', 'unlabeled'],
        help='parts to prepare (default: train val)',
    )
    return parser.parse_args(argv)


def list_needed(splits: list[str]) -> dict[str, str]:
    """Return the archive that holds each folder and each JSON."""
    needed = {}
    for split in splits:
        needed[f'{split}2017'] = f'{URL}zips/{split}2017.zip'
        if split != 'unlabeled':
            for ending in ('', '.json'):
                needed[f'annotations/panoptic_{split}2017{ending}'] = (
                    f'{URL}annotations/{ANNOTATIONS}'
                )
    return needed


def collect_all(args: Namespace) -> None:
    """Unpack and link what there is."""
    names = [f'{split}2017' for split in args.splits]
    downloads = {ANNOTATIONS: '', **{f'{name}.zip': '' for name in names}}
    # The PNGs are in archives within the one of the annotations.
    endings = ('', '.json', '.zip')
    parts = [f'annotations/panoptic_{name}{ending}' for name in names for ending in endings]
    collect(args.src, args.out, downloads, [*names, *parts], show_progress)
    for name in names:
        inner = args.out / 'annotations' / f'panoptic_{name}.zip'
        if inner.is_file():
            unpack(inner, args.out / 'annotations', show_progress)


def check(out: Path, split: str, workers: int) -> list[Fault]:
    """Read every file of one part."""
    if split == 'unlabeled':
        folder = out / 'unlabeled2017'
        paths = [folder / name for name in list_images(folder)]
        return measure_all(paths, workers, show_progress, 'reading unlabeled')[1]
    annotations = f'annotations/panoptic_{split}2017'
    cfg = dict(
        type='KMaXCocoPanopticDataset',
        data_root=str(out),
        ann_file=f'{annotations}.json',
        data_prefix=dict(img=f'{split}2017', seg=annotations),
    )
    return check_split(split, cfg, workers)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Prepare COCO as the command line says."""
    args = parse_args(argv, prog)
    with held(args.out):
        collect_all(args)
        faults = find_missing(args.src, args.out, list_needed(args.splits))
        if not faults:
            for split in args.splits:
                faults += check(args.out, split, args.workers)
        finish(args.prog, faults, f'COCO is ready in {args.out}')
