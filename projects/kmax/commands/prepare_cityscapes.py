"""Prepare Cityscapes panoptic: ``cityscapes.py DOWNLOADS data/cityscapes``.

DOWNLOADS holds what https://www.cityscapes-dataset.com/downloads offers, or what was in it:

    leftImg8bit_trainvaltest.zip  gtFine_trainvaltest.zip

Where ``gtFine/cityscapes_panoptic_{train,val}.json`` is missing, cityscapesScripts'
``createPanopticImgs`` makes it (pip install cityscapesScripts). Where the images of the test server
are in ``leftImg8bit/test``, ``gtFine/cityscapes_panoptic_test.json`` lists them. Every file is
read; what is missing or damaged is named. Start it again after an interruption.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..dataset_preparation.archives import collect, find_missing
from ..dataset_preparation.image_files import measure_all
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.files import read_panoptic_json, write_panoptic_json
from .preparation import check_split, finish, held, preparation_parser
from .progress import show_progress

PARTS = ('leftImg8bit', 'gtFine')
URL = 'https://www.cityscapes-dataset.com/downloads/'
SPLITS = ('train', 'val')
INSTANCES = '_gtFine_instanceIds.png'
IMAGE = '_leftImg8bit.png'

EXAMPLES = 'kmax-deeplab prepare-cityscapes downloads data/cityscapes'


def archive_of(part: str) -> str:
    """Return the name of the download that holds a part."""
    return f'{part}_trainvaltest.zip'


def find_unpaired(out: Path, split: str) -> list[Fault]:
    """Return which images and annotations lack their counterpart."""
    images = {
        path.name.removesuffix(IMAGE): path.parent.name
        for path in (out / 'leftImg8bit' / split).glob(f'*/*{IMAGE}')
    }
    annotated = {
        path.name.removesuffix(INSTANCES): path.parent.name
        for path in (out / 'gtFine' / split).glob(f'*/*{INSTANCES}')
    }
    if not images and not annotated:
        return [Fault(FaultKind.MISSING_IMAGE, f'{out} holds no {split} images')]
    missing = [
        out / 'gtFine' / split / images[name] / f'{name}{INSTANCES}'
        for name in sorted(images.keys() - annotated)
    ] + [
        out / 'leftImg8bit' / split / annotated[name] / f'{name}{IMAGE}'
        for name in sorted(annotated.keys() - images)
    ]
    return [Fault(FaultKind.MISSING_IMAGE, f'{path} is missing') for path in missing]


def make_panoptic(gt_dir: Path, split: str, workers: int) -> list[Fault]:
    """Run ``createPanopticImgs`` where its JSON is missing; the JSON is moved into place last.

    Raises:
        ImportError: If cityscapesScripts is needed and not installed.
    """
    name = f'cityscapes_panoptic_{split}'
    if (gt_dir / f'{name}.json').is_file():
        return []
    try:
        from cityscapesscripts.preparation.createPanopticImgs import convert2panoptic
    except ImportError as error:
        raise ImportError(
            f'{gt_dir / name}.json is missing; to make it, pip install cityscapesScripts ({error})'
        ) from error
    paths = sorted((gt_dir / split).glob(f'*/*{INSTANCES}'))
    _, faults = measure_all(paths, workers, show_progress, f'reading annotations of {split}')
    if faults:
        return faults
    unfinished = gt_dir / f'.{name}.unfinished'
    for folder in (unfinished, gt_dir / name):
        shutil.rmtree(folder, ignore_errors=True)
    unfinished.mkdir()
    convert2panoptic(str(gt_dir), str(unfinished), setNames=[split])
    (unfinished / name).rename(gt_dir / name)
    (unfinished / f'{name}.json').rename(gt_dir / f'{name}.json')
    unfinished.rmdir()
    return []


def prepare_split(out: Path, split: str, workers: int) -> list[Fault]:
    """Make the panoptic annotations of one split and read all its files."""
    faults = find_unpaired(out, split) or make_panoptic(out / 'gtFine', split, workers)
    if faults:
        return faults
    cfg = dict(
        type='KMaXCityscapesPanopticDataset',
        data_root=str(out),
        ann_file=f'gtFine/cityscapes_panoptic_{split}.json',
        data_prefix=dict(img=f'leftImg8bit/{split}', seg=f'gtFine/cityscapes_panoptic_{split}'),
    )
    return check_split(split, cfg, workers)


def list_test_images(out: Path, workers: int) -> list[Fault]:
    """List the test server's images, which have no annotations, by createPanopticImgs' ids."""
    paths = sorted((out / 'leftImg8bit' / 'test').glob(f'*/*{IMAGE}'))
    sizes, faults = measure_all(paths, workers, show_progress, 'reading images of test')
    target = out / 'gtFine' / 'cityscapes_panoptic_test.json'
    if faults or not paths or target.is_file():
        return faults
    stems = [path.name.removesuffix(IMAGE) for path in paths]
    images = [
        dict(id=stem, file_name=f'{stem}_gtFine{IMAGE}', width=width, height=height)
        for stem, (width, height) in zip(stems, sizes, strict=True)
    ]
    annotated = read_panoptic_json(target.with_name('cityscapes_panoptic_val.json'), ['categories'])
    write_panoptic_json(target, images=images, categories=annotated['categories'])
    return []


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Prepare Cityscapes as the command line says."""
    args = preparation_parser(__doc__, prog, 'data/cityscapes', EXAMPLES).parse_args(argv)
    with held(args.out):
        downloads = dict.fromkeys(map(archive_of, PARTS), '')
        collect(args.src, args.out, downloads, PARTS, show_progress)
        needed = {
            f'{part}/{split}': f'{archive_of(part)} from {URL}'
            for part in PARTS
            for split in SPLITS
        }
        faults = find_missing(args.src, args.out, needed)
        if not faults:
            for split in SPLITS:
                faults += prepare_split(args.out, split, args.workers)
        faults = faults or list_test_images(args.out, args.workers)
        finish(args.prog, faults, f'Cityscapes is ready in {args.out}')
