"""Pseudo-labels of a folder of images, in COCO's panoptic form."""

import glob
import hashlib
import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import remove_temporaries
from kmax_deeplab.paths import place_within

from ..classes import numbered_classes
from ..dataset_preparation.image_files import list_images, number_images
from ..journal import check_settings
from ..panoptic.files import read_panoptic_json, write_panoptic_json, write_panoptic_png
from ..parallel import Progress
from .content import count, make_content
from .prediction import predict
from .selection import Selection, select_segments
from .shards import Shard, find_journals, open_journals, remove_journals

WRITERS = 4
"""Threads that write labels while the model goes on."""

WAITING = 16
"""Predictions that may wait for them."""


def label_images(
    model: Any,
    images_dir: Path,
    out: Path,
    selection: Selection,
    weights: str,
    workers: int,
    progress: Progress,
    shard: Shard | None = None,
) -> tuple[dict[str, int], bool]:
    """Write ``{out}.json`` and the PNGs in the folder ``out``.

    Every PNG appears complete or not at all; what is done is recorded in ``{out}.unfinished``, from
    which a killed run goes on. The JSON comes last and replaces that record. A shard has a record
    of its own, ``{out}.I-of-N.unfinished``, and writes no JSON; the run without one makes it of all
    records and labels what they lack.

    Args:
        model: As ``init_detector`` makes it, with its config and its classes.
        images_dir: Folder of the images.
        out: Folder of the PNGs.
        selection: Which segments and images to keep.
        weights: What tells the model's weights from others.
        workers: Number of processes that read images.
        progress: Shows the progress of an iterable with a title and a length.
        shard: Label every N-th image from the I-th one only.

    Returns:
        Number of images ``labelled``, left out as too ``unsure``, and ``unreadable``; and whether
        they are those of the JSON, not of the shard: it may have been there before.

    Raises:
        FileNotFoundError: If there are no images.
        ValueError: If ``out`` was begun with other settings, is among the images, holds such files
            of others, or another process writes to it that is no other shard of as many; if two
            images would share a PNG, or the names of the classes are not known.
    """
    _check_classes(model)
    names = list_images(images_dir)
    pngs = _name_pngs(names, images_dir)
    settings = _settings(model, images_dir, names, selection, weights)
    _check_place(images_dir, out, pngs, settings)
    with open_journals(out, shard, settings) as (journal, others):
        if _json_of(out).exists():
            return _finish(out), True
        if shard is None:
            _remove_temporaries(out, pngs)
        recorded = [*others, *journal.entries]
        done = {e['file_name']: e for e in recorded if _is_whole(e, out, pngs)}
        part = names if shard is None else names[shard[0] :: shard[1]]
        left = {name: pngs[name] for name in part if name not in done}
        labelled = _label(model, images_dir, out, left, selection, workers)
        for entry in progress(labelled, 'labelling', len(left)):
            journal.append(entry)
            done[entry['file_name']] = entry
        if shard is not None:
            return count([done[name] for name in part]), False
        content = make_content(model, list(done.values()), number_images(names), pngs)
        content['info'] |= settings
        # On the disk before the journals go, from which it could be made again.
        write_panoptic_json(_json_of(out), **content, sync=True)
        return _finish(out), True


def _name_pngs(names: list[str], images_dir: Path) -> dict[str, str]:
    pngs = {name: str(Path(name).with_suffix('.png')) for name in names}
    if len(set(pngs.values())) < len(names):
        raise ValueError(f'images of {images_dir} have names that differ in their endings only')
    return pngs


def _json_of(out: Path) -> Path:
    return out.with_name(f'{out.name}.json')


def _check_place(
    images_dir: Path, out: Path, pngs: dict[str, str], settings: dict[str, Any]
) -> None:
    """Refuse to write among the images, or over files that no record knows."""
    remedy = 'give another place to write to'
    if out.resolve().is_relative_to(images_dir.resolve()):
        raise ValueError(f'{out} is in the folder of the images, {images_dir}: {remedy}')
    for png in pngs.values():
        place_within(out, png, f'the folder {images_dir}')
    if _json_of(out).exists():
        info = _read_info(out)
        if 'weights' not in info:
            raise ValueError(f'{_json_of(out)} is no result of this command: {remedy}')
        check_settings(_json_of(out), info, settings)
    elif not find_journals(out):
        strange = next((out / png for png in pngs.values() if (out / png).exists()), None)
        if strange is not None:
            raise ValueError(f'{strange} is there, but no record of who wrote it: {remedy}')


def _read_info(out: Path) -> dict[str, Any]:
    return read_panoptic_json(_json_of(out), ('images', 'annotations')).get('info') or {}


def _finish(out: Path) -> dict[str, int]:
    """Remove the records that the JSON replaces; return what it counts."""
    remove_journals(out)
    return _read_info(out)['counts']


def _remove_temporaries(out: Path, pngs: dict[str, str]) -> None:
    """Remove what killed runs left half-written; nothing else may be writing."""
    remove_temporaries(out.parent, glob.escape(_json_of(out).name))
    for folder in {(out / png).parent for png in pngs.values()}:
        remove_temporaries(folder, '*.png')


def _check_classes(model: Any) -> None:
    """Refuse names that were made up, with which no other data set would agree."""
    classes = tuple(model.dataset_meta['classes'])
    if classes == numbered_classes(len(classes))['classes']:
        raise ValueError(
            'neither the checkpoint nor the test data set of the config names the classes: give a '
            'checkpoint that training has written, or metainfo=dict(classes=...) in the config'
        )


def _is_whole(entry: dict, out: Path, pngs: dict[str, str]) -> bool:
    """Tell whether an image was read and its PNG is still as it was written."""
    if not entry.get('segments_info'):
        return 'error' not in entry
    path = out / pngs[entry['file_name']]
    return path.is_file() and path.stat().st_size == entry.get('png_bytes')


def _settings(
    model: Any, images_dir: Path, names: list[str], selection: Selection, weights: str
) -> dict[str, Any]:
    classes = model.dataset_meta['classes']
    recipe = [model.cfg.model.to_dict(), model.cfg.test_dataloader.dataset.pipeline]
    return dict(
        model=_digest(json.dumps(recipe, sort_keys=True, default=str)),
        classes=f'{len(classes)} names, {_digest("/".join(classes))}',
        weights=weights,
        images=f'{images_dir.absolute()}, {len(names)} files, {_digest("/".join(names))}',
        **asdict(selection),
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _label(
    model: Any,
    images_dir: Path,
    out: Path,
    pngs: dict[str, str],
    selection: Selection,
    workers: int,
) -> Iterator[dict[str, Any]]:
    """Yield what the journal says of each image; its PNG is on the disk by then."""
    num_classes = len(model.dataset_meta['classes'])
    with ThreadPoolExecutor(WRITERS) as pool:
        written: deque[Future[dict[str, Any]]] = deque()
        for name, result in predict(model, images_dir, list(pngs), workers):
            png = out / pngs[name]
            written.append(pool.submit(_write, name, png, result, num_classes, selection))
            while written and (written[0].done() or len(written) > WAITING):
                yield written.popleft().result()
        while written:
            yield written.popleft().result()


def _write(
    name: str, png: Path, result: Any, num_classes: int, selection: Selection
) -> dict[str, Any]:
    """Write the PNG of an image that is sure enough; return what the journal says of it."""
    if isinstance(result, str):
        return dict(file_name=name, error=result)
    ids, segments = select_segments(result, num_classes, selection)
    entry = dict(file_name=name, height=ids.shape[0], width=ids.shape[1], segments_info=segments)
    if segments:
        write_panoptic_png(png, ids, sync=True)
        entry['png_bytes'] = png.stat().st_size
    return entry
