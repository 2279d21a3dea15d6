"""Write pre-annotations for Label Studio: ``python tools/preannotate.py FOLDER --out DIR``.

Finds the segments of the images in FOLDER and writes two files to DIR:

* ``tasks.json``: a task of each image, with its segments as brush labels, to be imported;
* ``labelling.xml``: the classes, to be pasted as the code of a project's labelling interface.

The address of an image is what --image-url says and the image's name within FOLDER. The status is 1
where some of the images could not be read, which are named at the end, and 2 where none could.
"""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kmax_deeplab.atomic_file import open_atomically

from .arguments import add_device, add_model, check_output, locate, make_parser
from .leftovers import removed_if_nothing_done
from .progress import show_progress

if TYPE_CHECKING:
    from ..apis import KMaXInferencer

TASKS, LABELLING = 'tasks.json', 'labelling.xml'

EXAMPLES = r"""
kmax-deeplab preannotate photos --model kmax_r50_coco --out work_dirs/label_studio \
    --image-url '/data/local-files/?d=photos/'
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder of images')
    parser.add_argument('--out', required=True, type=Path, metavar='DIR', help='folder to write to')
    parser.add_argument(
        '--image-url',
        required=True,
        type=_prefix,
        metavar='PREFIX',
        help="where Label Studio finds FOLDER: a server's address, or /data/local-files/?d=PATH/",
    )
    add_model(parser)
    add_device(parser)
    args = parser.parse_args(argv)
    for name in (TASKS, LABELLING):
        check_output(parser, '--out', args.out / name)
        if (args.out / name).exists():
            parser.error(f'--out: {args.out / name} is there already; give another folder')
    return args


def _prefix(text: str) -> str:
    if '://' not in text and not text.startswith('/'):
        raise ArgumentTypeError(
            f'{text!r} is no address: give one as https://HOST/images/ or '
            '/data/local-files/?d=images/'
        )
    return text if text.endswith(('/', '=')) else f'{text}/'


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Write as the command line says; the status is 1 where images could not be read."""
    args = parse_args(argv, prog)
    from ..dataset_preparation.image_files import list_images

    names = list_images(args.folder)
    from ..apis import KMaXInferencer
    from ..integrations.label_studio import labelling_config

    config, weights = locate(args)
    inferencer = KMaXInferencer(config, weights, args.device)
    faults: list[Exception] = []
    with (
        removed_if_nothing_done(str(args.out)),
        open_atomically(args.out / LABELLING) as labelling,
        open_atomically(args.out / TASKS) as tasks,
    ):
        labelling.write(f'{labelling_config(inferencer.classes)}\n'.encode())
        # A task may have millions of bytes: they are not collected.
        for number, task in enumerate(_make_tasks(inferencer, args, names, config, faults)):
            tasks.write(b',\n' if number else b'[\n')
            tasks.write(json.dumps(task).encode())
        tasks.write(b'\n]\n')
        if len(faults) == len(names):
            raise OSError(f'no image in {args.folder} can be read; the first: {faults[0]}')
    for fault in faults:
        print(f'{args.prog}: error: {fault}', file=sys.stderr)
    count = len(names) - len(faults)
    unread = f', {len(faults)} could not be read' if faults else ''
    print(f'{count} image{"s" if count != 1 else ""} annotated in {args.out / TASKS}{unread}')
    return 1 if faults else 0


def _make_tasks(
    inferencer: 'KMaXInferencer',
    args: Namespace,
    names: list[str],
    config: str,
    faults: list[Exception],
) -> Iterator[dict[str, Any]]:
    """Yield the task of each image that can be read, and collect what is wrong with the others."""
    from ..integrations.label_studio import make_task

    places = {str(args.folder / name): name for name in names}
    paths = iter(show_progress(places, 'predicting', len(places)))
    for result in inferencer(paths, on_unreadable=lambda _, error: faults.append(error)):
        yield make_task(result, args.image_url + quote(places[result.path]), Path(config).stem)
