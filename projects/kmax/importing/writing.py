"""Writes an imported data set: images, panoptic PNGs and, when all is done, the JSON."""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import remove_temporaries, write_atomically, write_staged
from kmax_deeplab.paths import place_within

from ..dataset_preparation.image_files import number_images
from ..journal import Journal, check_settings
from ..panoptic.files import read_panoptic_json, write_panoptic_json, write_panoptic_png
from ..parallel import Progress, run_parallel
from .classes import write_classes
from .painting import Table, paint_regions
from .plan import CLASSES_FILE, TRAIN, VAL, Plan, Planned
from .source import SourceImage

JOURNAL = 'import.unfinished'
RECORDED_AT_ONCE = 64
"""Images of one entry of the journal; each entry is waited for until it is on the disk."""


@dataclass(frozen=True)
class Targets:
    """Files of one split.

    Attributes:
        images: Folder of the images.
        pngs: Folder of the panoptic PNGs.
        json: The JSON.
    """

    images: Path
    pngs: Path
    json: Path


def targets_of(out: Path, split: str) -> Targets:
    """Return where a split is written to."""
    return Targets(out / split, out / f'panoptic_{split}', out / f'panoptic_{split}.json')


def write_dataset(
    plan: Plan,
    out: Path,
    settings: dict[str, Any],
    overlap: str,
    images: str,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Write a data set, or what an interrupted run has left to write.

    Args:
        plan: What to write.
        out: The folder.
        settings: What all of it depends on; a run with others does not go on.
        overlap: One of :data:`.OVERLAPS`.
        images: Whether images are ``link``-ed to or ``copy``-ed.
        workers: Number of processes.
        progress: Shows the progress of an iterable.

    Returns:
        ``counts`` of each split, and what was ``left_out``.

    Raises:
        ValueError: If files of others are in the folder, or those of a run with other settings.
    """
    splits = sorted({planned.split for planned in plan.items})
    finished = check_folder(out, settings)
    if finished is not None:
        return finished
    _check_images(plan.items, out)
    pngs = _name_pngs(plan.items)
    out.mkdir(parents=True, exist_ok=True)
    with Journal(out / JOURNAL, settings) as journal:
        if not (out / CLASSES_FILE).is_file():
            write_classes(out / CLASSES_FILE, plan.classes)
        recorded = [entry for batch in journal.entries for entry in batch['images']]
        done = {(e['split'], e['file_name']): e for e in recorded if _is_whole(e, out)}
        left = [each for each in plan.items if _key(each) not in done]
        for folder in {place.parent for each in left for place in _files(each, out, pngs)}:
            remove_temporaries(folder)
        write = partial(
            write_image, out=out, table=plan.classes.table(), overlap=overlap, images=images
        )
        jobs = [(each, pngs[_key(each)]) for each in left]
        results = progress(run_parallel(write, jobs, workers), 'writing', len(left))
        for batch in _batches(results):
            journal.append(dict(images=batch))
            done |= {(entry['split'], entry['file_name']): entry for entry in batch}
        entries = [done[_key(each)] for each in plan.items]
        summary = _summarise(entries, plan, splits)
        info = dict(settings, **summary)
        ids = number_images(sorted({entry['file_name'] for entry in entries}))
        for split in splits:
            rows = [entry for entry in entries if entry['split'] == split]
            _write_json(targets_of(out, split).json, rows, plan, ids, info)
    (out / JOURNAL).unlink(missing_ok=True)
    return summary


def _key(planned: Planned) -> tuple[str, str]:
    return planned.split, planned.image.name


def _files(planned: Planned, out: Path, pngs: dict[tuple[str, str], str]) -> list[Path]:
    targets = targets_of(out, planned.split)
    return [targets.images / planned.image.name, targets.pngs / pngs[_key(planned)]]


def _batches(entries: Any) -> Iterator[list[dict[str, Any]]]:
    batch = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == RECORDED_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def check_folder(out: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the summary of a run with these settings that is finished, if one is.

    Raises:
        ValueError: If the folder holds what others wrote, or a run with other settings.
    """
    found = [path for split in (TRAIN, VAL) for path in vars(targets_of(out, split)).values()]
    found = [path for path in found if path.exists() or path.is_symlink()]
    if (out / JOURNAL).exists() or not found:
        return None
    for path in found:
        if path.suffix == '.json':
            info = read_panoptic_json(path, ('images', 'annotations')).get('info') or {}
            if 'kind' not in info or 'counts' not in info:
                break
            check_settings(path, info, settings)
            return dict(counts=info['counts'], left_out=info['left_out'])
    raise ValueError(f'{found[0]} is there, but not written by this command: give another OUT')


def _check_images(items: Sequence[Planned], out: Path) -> None:
    """Refuse images that lie where others would be written."""
    folders = [targets_of(out, split).images.resolve() for split in (TRAIN, VAL)]
    for each in items:
        path = each.image.path
        if path is not None and any(path.resolve().is_relative_to(folder) for folder in folders):
            raise ValueError(f'image {path} is in {out}, which is to be written: give another OUT')
        place_within(targets_of(out, each.split).images, each.image.name, each.image.place)


def _name_pngs(items: Sequence[Planned]) -> dict[tuple[str, str], str]:
    """Return the PNG of each image: of its name, with its ending where two differ in that alone."""
    names = {_key(each): str(Path(each.image.name).with_suffix('.png')) for each in items}
    shared = Counter((split, png) for (split, _), png in names.items())
    return {
        (split, name): png if shared[split, png] == 1 else f'{name}.png'
        for (split, name), png in names.items()
    }


def write_image(
    job: tuple[Planned, str], out: Path, table: Table, overlap: str, images: str
) -> dict[str, Any]:
    """Write the PNG of an image and place the image; return what the journal says of it."""
    planned, png = job
    image, size = planned.image, planned.size
    targets = targets_of(out, planned.split)
    painted = paint_regions(image.read_regions(size), table, size, overlap)
    entry: dict[str, Any] = dict(
        split=planned.split,
        file_name=image.name,
        png=png,
        height=size[0],
        width=size[1],
        segments_info=painted.segments,
        left_out=painted.left_out,
    )
    write_panoptic_png(targets.pngs / png, painted.ids)
    place_image(image, targets.images / image.name, images)
    entry['png_bytes'] = (targets.pngs / png).stat().st_size
    return entry


def place_image(image: SourceImage, target: Path, how: str) -> None:
    """Link to an image or copy it; one that its source holds itself is written.

    Raises:
        ValueError: If another file is in its place.
    """
    if image.path is None:
        write_atomically(target, image.read_image())
    elif how == 'copy':
        with write_staged(target) as staged:
            shutil.copyfile(image.path, staged)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        aim = image.path.resolve()
        try:
            os.symlink(aim, target)
        except FileExistsError:
            if not target.is_symlink() or target.resolve() != aim:
                raise ValueError(f'{target} is there, where an image is to be linked') from None


def _is_whole(entry: dict[str, Any], out: Path) -> bool:
    """Tell whether the files of an image are still as they were written."""
    targets = targets_of(out, entry['split'])
    png = targets.pngs / entry['png']
    return (
        png.is_file()
        and png.stat().st_size == entry['png_bytes']
        and (targets.images / entry['file_name']).is_file()
    )


def _summarise(entries: list[dict[str, Any]], plan: Plan, splits: list[str]) -> dict[str, Any]:
    left_out = Counter(plan.left_out)
    for entry in entries:
        left_out.update(entry['left_out'])
    things = {entry.id: entry.is_thing for entry in plan.classes.entries}
    counts = {}
    for split in splits:
        rows = [row for row in entries if row['split'] == split]
        segments = [segment for row in rows for segment in row['segments_info']]
        crowd = sum(segment['iscrowd'] for segment in segments)
        objects = sum(things[segment['category_id']] for segment in segments) - crowd
        stuff = len(segments) - objects - crowd
        counts[split] = dict(images=len(rows), things=objects, stuff=stuff, crowd=crowd)
    return dict(counts=counts, left_out={name: n for name, n in left_out.items() if n})


def _write_json(
    path: Path,
    entries: list[dict[str, Any]],
    plan: Plan,
    ids: dict[str, int],
    info: dict[str, Any],
) -> None:
    write_panoptic_json(
        path,
        info=info,
        images=[
            dict(
                id=ids[entry['file_name']],
                file_name=entry['file_name'],
                height=entry['height'],
                width=entry['width'],
            )
            for entry in entries
        ],
        annotations=[
            dict(
                image_id=ids[entry['file_name']],
                file_name=entry['png'],
                segments_info=entry['segments_info'],
            )
            for entry in entries
        ],
        categories=plan.classes.categories(),
        sync=True,
    )


def describe_inputs(paths: Sequence[Path]) -> str:
    """Return what tells inputs from others: their places, and sizes and times of all their files.

    Labels that were changed since then are others.
    """
    return '; '.join(f'{path.absolute()}, {_describe_files(path)}' for path in paths)


def _describe_files(path: Path) -> str:
    if path.is_file():
        status = path.stat()
        return f'{status.st_size} bytes of {status.st_mtime_ns}'
    lines = []
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            # The file that a link leads to, but of a broken one the link.
            file = os.path.join(folder, name)
            status = os.stat(file) if os.path.exists(file) else os.lstat(file)
            lines.append(f'{file} {status.st_size} {status.st_mtime_ns}')
    return f'{len(lines)} files of {digest(chr(10).join(lines))}'


def digest(text: str) -> str:
    """Return a short number of a text, which others do not have."""
    return hashlib.blake2b(text.encode(errors='surrogateescape'), digest_size=8).hexdigest()
