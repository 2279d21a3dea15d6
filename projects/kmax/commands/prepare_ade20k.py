"""Prepare ADE20K panoptic: ``ade20k.py DOWNLOADS data/ADEChallengeData2016``.

DOWNLOADS holds what http://sceneparsing.csail.mit.edu offers and its instance challenge of 2017, or
what was in them:

    ADEChallengeData2016.zip    images and scene parsing
    annotations_instance.tar    instances

Writes ``ade20k_panoptic_{train,val}.json`` and the folders of the same names, as Mask2Former's
``prepare_ade20k_pan_seg.py`` does. The challenge's ``imgCatIds.json`` and ``categoryMapping.txt``
are not needed: what they say follows from mmdet's class lists, and is compared with the pixels.
Every file is read; what is missing or damaged is named, and then no JSON is written. Start it again
after an interruption.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..dataset_preparation.archives import collect, find_missing
from ..panoptic.faults import Fault
from ..panoptic.files import write_panoptic_json
from ..parallel import run_parallel
from .preparation import finish, held, preparation_parser
from .progress import show_progress

if TYPE_CHECKING:
    from ..dataset_preparation.ade20k import Converted, Split

ROOT = 'ADEChallengeData2016'
DOWNLOADS = {f'{ROOT}.zip': ROOT, 'annotations_instance.tar': ''}
SCENES = f'http://data.csail.mit.edu/places/ADEchallenge/{ROOT}.zip'
INSTANCES = 'http://sceneparsing.csail.mit.edu/data/ChallengeData2017/annotations_instance.tar'
PARTS = {'images': SCENES, 'annotations': SCENES, 'annotations_instance': INSTANCES}
SPLITS = {'train': 'training', 'val': 'validation'}
LEAST_AGREEMENT = 0.5

EXAMPLES = 'kmax-deeplab prepare-ade20k downloads data/ADEChallengeData2016'


def convert_split(out: Path, name: str, workers: int) -> list[Fault]:
    """Convert one part; its JSON comes last. Return what is wrong with its files."""
    from ..dataset_preparation.ade20k import Converted, Split, categories, convert_image

    split = Split(out, SPLITS[name])
    names, faults = split.find_names()
    if not names:
        raise ValueError(f'{split.image("*")} matches no file')
    target = out / f'ade20k_panoptic_{name}.json'
    target.unlink(missing_ok=True)
    if faults:
        return faults
    convert = partial(convert_image, split, target.with_suffix(''))
    converting = run_parallel(convert, names, workers)
    results = list(show_progress(converting, f'converting {name}', len(names)))
    faults = [result for result in results if isinstance(result, Fault)]
    if not faults:
        converted = [result for result in results if isinstance(result, Converted)]
        check_agreement(converted, split)
        write_panoptic_json(
            target,
            images=[result.image for result in converted],
            annotations=[result.annotation for result in converted],
            categories=categories(),
        )
    return faults


def check_agreement(converted: 'list[Converted]', split: 'Split') -> None:
    """Compare the classes of instances with those of the scene parsing, pixel by pixel."""
    things = max(1, sum(result.things for result in converted))
    share = sum(result.agreeing for result in converted) / things
    print(f'{split.folder}: {100 * share:.1f} % of the pixels of things have the class that '
          'annotations give them')  # fmt: skip
    if share < LEAST_AGREEMENT and any(result.things for result in converted):
        raise ValueError(
            f'{split.instance("*").parent} does not belong to {split.semantic("*").parent}: only '
            f'{100 * share:.1f} % of the pixels of things have the same class in both'
        )


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Prepare ADE20K as the command line says."""
    args = preparation_parser(__doc__, prog, 'data/ADEChallengeData2016', EXAMPLES).parse_args(argv)
    with held(args.out):
        collect(args.src, args.out, DOWNLOADS, PARTS, show_progress)
        if (args.src / ROOT).is_dir():
            collect(args.src / ROOT, args.out, {}, PARTS, show_progress)
        folders = {f'{part}/{split}': PARTS[part] for part in PARTS for split in SPLITS.values()}
        faults = find_missing(args.src, args.out, folders)
        if not faults:
            for name in SPLITS:
                faults += convert_split(args.out, name, args.workers)
        finish(args.prog, faults, f'ADE20K is ready in {args.out}')
