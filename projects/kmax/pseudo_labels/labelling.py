"""Pseudo-labels of a folder of images, in COCO's panoptic form."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.dataset import Compose, pseudo_collate
from torch.utils.data import DataLoader, Dataset

from ..atomic_file import open_atomically, remove_temporaries
from ..compat.det_inferencer import numbered_classes
from ..dataset_preparation.image_files import list_images, number_images
from ..datasets.panoptic_json import make_palette
from ..datasets.reading_errors import naming_image
from ..panoptic_format import read_panoptic_json, write_panoptic_png
from ..parallel import Progress
from .journal import Journal, check_settings
from .selection import Selection, select_segments


class ImageFolder(Dataset):
    """Images of a folder through a test pipeline; the message of the error for unreadable ones."""

    def __init__(self, folder: Path, names: list[str], pipeline: list[dict]) -> None:
        self.folder = folder
        self.names = names
        self.pipeline = Compose(pipeline)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        name = self.names[index]
        record = {'img_id': name, 'img_path': str(self.folder / name)}
        try:
            with naming_image(record, str(self.folder)):
                return name, self.pipeline(record)
        except (OSError, cv2.error) as error:
            return name, str(error)


def label_images(
    model: Any,
    images_dir: Path,
    out: Path,
    selection: Selection,
    weights: str,
    workers: int,
    progress: Progress,
) -> dict[str, int]:
    """Write ``{out}.json`` and the PNGs in the folder ``out``.

    Every PNG appears complete or not at all; what is done is recorded in ``{out}.unfinished``, from
    which a killed run goes on. The JSON comes last and replaces that record.

    Args:
        model: As ``init_detector`` makes it, with its config and its classes.
        images_dir: Folder of the images.
        out: Folder of the PNGs.
        selection: Which segments and images to keep.
        weights: What tells the model's weights from others.
        workers: Number of processes that read images.
        progress: Shows the progress of an iterable with a title and a length.

    Returns:
        Number of images ``labelled``, left out as too ``unsure``, and ``unreadable``.

    Raises:
        FileNotFoundError: If there are no images.
        ValueError: If ``out`` was begun with other settings, two images would share a PNG, or the
            names of the classes are not known.
    """
    _check_classes(model)
    names = list_images(images_dir)
    pngs = {name: str(Path(name).with_suffix('.png')) for name in names}
    if len(set(pngs.values())) < len(names):
        raise ValueError(f'images of {images_dir} have names that differ in their endings only')
    settings = _settings(model, images_dir, names, selection, weights)
    target = out.with_name(f'{out.name}.json')
    unfinished = out.with_name(f'{out.name}.unfinished')
    if target.exists():
        info = read_panoptic_json(target, ('images', 'annotations', 'info'))['info']
        check_settings(target, info, settings)
    else:
        with Journal(unfinished, settings) as journal:
            done = {e['file_name'] for e in journal.entries if _is_whole(e, out, pngs)}
            left = [name for name in names if name not in done]
            results = _predict(model, images_dir, left, workers)
            for name, result in progress(results, 'labelling', len(left)):
                journal.append(_write(out, name, pngs[name], result, model, selection))
            content = _assemble(model, journal.entries, number_images(names), pngs)
        info = content['info'] | settings
        # On the disk before the journal goes, from which it could be made again.
        with open_atomically(target) as file:
            file.write(json.dumps({**content, 'info': info}).encode())
    unfinished.unlink(missing_ok=True)
    for folder in {(out / png).parent for png in pngs.values()}:
        remove_temporaries(folder)
    return info['counts']


def _check_classes(model: Any) -> None:
    """Refuse names that were made up, with which no other data set would agree."""
    classes = tuple(model.dataset_meta['classes'])
    if classes == numbered_classes(len(classes))['classes']:
        raise ValueError(
            'neither the checkpoint nor the test data set of the config names the classes: give a '
            'checkpoint that training has written, or metainfo=dict(classes=...) in the config'
        )


def _is_whole(entry: dict, out: Path, pngs: dict[str, str]) -> bool:
    """Tell whether the PNG of an entry is there: after a loss of power it need not be."""
    path = out / pngs[entry['file_name']]
    return not entry.get('segments_info') or (path.is_file() and path.stat().st_size > 0)


def _settings(
    model: Any, images_dir: Path, names: list[str], selection: Selection, weights: str
) -> dict[str, Any]:
    recipe = [model.cfg.model.to_dict(), model.cfg.test_dataloader.dataset.pipeline]
    return dict(
        model=_digest(json.dumps(recipe, sort_keys=True, default=str)),
        weights=weights,
        images=f'{images_dir.absolute()}, {len(names)} files, {_digest("/".join(names))}',
        **asdict(selection),
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@torch.no_grad()
def _predict(model: Any, folder: Path, names: list[str], workers: int) -> Iterator[tuple[str, Any]]:
    """Yield each name with its panoptic prediction, or with the message of an error."""
    images = ImageFolder(folder, names, model.cfg.test_dataloader.dataset.pipeline)
    for [(name, data)] in DataLoader(images, num_workers=workers, collate_fn=list):
        if isinstance(data, str):
            yield name, data
        else:
            yield name, model.test_step(pseudo_collate([data]))[0].pred_panoptic_seg


def _write(
    out: Path, name: str, png: str, result: Any, model: Any, selection: Selection
) -> dict[str, Any]:
    """Write the PNG of an image that is sure enough; return what the journal says of it."""
    if isinstance(result, str):
        return dict(file_name=name, error=result)
    ids, segments = select_segments(result, len(model.dataset_meta['classes']), selection)
    if segments:
        write_panoptic_png(out / png, ids)
    return dict(file_name=name, height=ids.shape[0], width=ids.shape[1], segments_info=segments)


def _assemble(
    model: Any, entries: list[dict], number_of: dict[str, int], pngs: dict[str, str]
) -> dict[str, Any]:
    """Return the content of the JSON; images without labels are not in it."""
    latest = {entry['file_name']: entry for entry in entries}
    entries = [latest[name] for name in sorted(latest, key=number_of.__getitem__)]
    labelled = [entry for entry in entries if entry.get('segments_info')]
    unreadable = [entry for entry in entries if 'error' in entry]
    counts = dict(
        labelled=len(labelled),
        unsure=len(entries) - len(labelled) - len(unreadable),
        unreadable=len(unreadable),
    )
    return dict(
        info=dict(counts=counts, unreadable=[entry['error'] for entry in unreadable]),
        images=[
            dict(
                id=number_of[entry['file_name']],
                **{key: entry[key] for key in ('file_name', 'height', 'width')},
            )
            for entry in labelled
        ],
        annotations=[
            dict(
                image_id=number_of[entry['file_name']],
                file_name=pngs[entry['file_name']],
                segments_info=entry['segments_info'],
            )
            for entry in labelled
        ],
        categories=_categories(model),
    )


def _categories(model: Any) -> list[dict[str, Any]]:
    classes = model.dataset_meta['classes']
    palette = model.dataset_meta.get('palette')
    colors = palette if isinstance(palette, list | tuple) else make_palette(classes, [])
    num_things = model.panoptic_head.num_things_classes
    return [
        dict(id=label + 1, name=name, isthing=int(label < num_things), color=list(color))
        for label, (name, color) in enumerate(zip(classes, colors, strict=True))
    ]
