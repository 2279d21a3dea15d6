"""Predicts files of images and videos into a folder, and goes on where it stopped."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kmax_deeplab.result import PanopticResult

from ..dataset_preparation.image_files import number_images
from ..journal import Journal, read_entries
from ..parallel import Progress
from ..places import check_place
from .inputs import IMAGES, expand_place
from .outputs import JSON, name_outputs, place_outputs, write_coco, write_outputs
from .segmenter import Segmenter
from .tiling import predict_tiles
from .videos import SUFFIXES as VIDEO_SUFFIXES
from .videos import predict_video

JOURNAL = '.predictions.jsonl'
"""In the folder of the results: what is done, and how."""


@dataclass
class Summary:
    """What became of the inputs.

    Attributes:
        images: How many images have results.
        videos: How many videos have.
        faults: Of each input that could not be predicted what is wrong.
        remarks: What else is to be known.
    """

    images: int = 0
    videos: int = 0
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Task:
    """An input, what it and its results are called, and their files by kind."""

    place: str
    source: str
    name: str
    files: dict[str, Path]

    @property
    def is_video(self) -> bool:
        """Whether it is a file of many frames."""
        return is_video(self.place)


def is_video(place: str) -> bool:
    """Tell by its ending whether a file holds many frames."""
    return Path(place).suffix.lower() in VIDEO_SUFFIXES


def plan(places: Sequence[str], folder: Path, kinds: Sequence[str]) -> tuple[list[Task], list[str]]:
    """Return what is to be done for files, URLs, folders and patterns, and what cannot be.

    Returns:
        The tasks, and what is wrong with inputs by whose names no file can be called.

    Raises:
        FileNotFoundError: If a folder holds no image, or none fits a pattern.
        ValueError: If the results would lie among the images that are read, or over one of them.
    """
    expanded = list(dict.fromkeys(file for place in places for file in _expand(place, folder)))
    tasks, faults = [], []
    for place, (source, name) in zip(expanded, name_outputs(expanded), strict=True):
        wanted = ['video'] if is_video(place) else kinds
        try:
            tasks.append(Task(place, source, name, place_outputs(folder, name, wanted)))
        except ValueError as error:
            faults.append(f'{place}: {error}')
    read = {Path(place).resolve() for place in expanded if '://' not in place}
    for file in (file for task in tasks for file in task.files.values()):
        if file.resolve() in read:
            raise ValueError(f'{file} would replace an image that is read: give another folder')
    return tasks, faults


def _expand(place: str, out: Path) -> list[str]:
    several = expand_place(place, (*IMAGES, *VIDEO_SUFFIXES))
    if several is None:
        # Refuses addresses of places that are not known.
        return [check_place(place)]
    # Results of a former run may lie within a folder that is read.
    return [file for file in several if not Path(file).resolve().is_relative_to(out.resolve())]


def begin(folder: Path, tasks: Sequence[Task], settings: dict[str, Any], resume: bool) -> Journal:
    """Open the journal of a folder, a new one unless the work in it is to be gone on with.

    Raises:
        FileExistsError: If a file that is to be written is there, and not one of a former run.
        ValueError: If another process writes to the folder, or it was begun with other settings.
    """
    path = folder / JOURNAL
    former = read_entries(path, {}, may_grow=False) if path.is_file() else []
    ours = {file for entry in former for file in entry['files']}
    files = [file for task in tasks for file in task.files.values()]
    for file in [*files, *([folder / JSON] if _has_coco(tasks) else [])]:
        name = file.relative_to(folder).as_posix()
        if file.exists() and name not in ours and not (name == JSON and former):
            raise FileExistsError(
                f'{file} is there, and no former prediction wrote it: give another folder'
            )
    folder.mkdir(parents=True, exist_ok=True)
    if resume:
        return Journal(path, settings)
    path.unlink(missing_ok=True)
    journal = Journal(path, settings)
    if ours:
        journal.append(dict(place=None, files=sorted(ours)))
    return journal


def forget(folder: Path, was_there: bool) -> None:
    """Remove the journal of a run that did nothing, and the folder if it was made for it."""
    (folder / JOURNAL).unlink(missing_ok=True)
    if not was_there:
        folder.rmdir()


def _has_coco(tasks: Sequence[Task]) -> bool:
    return any('coco' in task.files for task in tasks)


def predict_files(
    inferencer: Segmenter,
    tasks: Sequence[Task],
    folder: Path,
    journal: Journal,
    tile_size: int | None,
    progress: Progress,
) -> Summary:
    """Predict what the journal does not know as done, and write the JSON of all images.

    An input that cannot be read is noted, and costs the others nothing.

    Args:
        inferencer: Finds the segments.
        tasks: Of :func:`plan`.
        folder: Where the results go.
        journal: Of :func:`begin`.
        tile_size: Images with a side of more pixels are predicted in tiles of that size.
        progress: Shows the progress of an iterable with a title and a length.
    """
    done = _find_done(journal.entries, folder)
    left = [task for task in tasks if task.place not in done]
    summary = Summary()
    for task in progress(left, 'predicting', len(left)):
        names = [file.relative_to(folder).as_posix() for file in task.files.values()]
        begun = dict(place=task.place, files=names, stamp=_stamp(task.place))
        try:
            if task.is_video:
                entry = _predict_video(inferencer, task, begun, journal, progress, summary)
            else:
                entry = _predict_image(inferencer, task, begun, journal, tile_size)
        except (OSError, ValueError) as error:
            # Those that name a file are of writing.
            if isinstance(error, OSError) and error.filename is not None:
                raise
            known = task.place in str(error)
            summary.faults.append(str(error) if known else f'{task.place}: {error}')
            continue
        done[task.place] = dict(begun, done=True, **entry)
        journal.append(done[task.place])
    finished = [done[task.place] for task in tasks if task.place in done]
    summary.videos = sum(is_video(entry['place']) for entry in finished)
    summary.images = len(finished) - summary.videos
    images = [entry for entry in finished if 'annotation' in entry]
    if images:
        write_coco(folder / JSON, _number(images), inferencer.classes)
    return summary


def _find_done(entries: Sequence[dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is done by its place, unless its files are gone or another's, or it changed."""
    latest = {name: entry for entry in entries for name in entry['files']}
    return {
        entry['place']: entry
        for entry in entries
        if entry.get('done')
        and all(latest[name] is entry and (folder / name).is_file() for name in entry['files'])
        and entry['stamp'] == _stamp(entry['place'])
    }


def _stamp(place: str) -> list[int] | None:
    """Return what tells a file from a later one of that name."""
    try:
        status = os.stat(place)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]


def _predict_video(
    inferencer: Segmenter,
    task: Task,
    begun: dict[str, Any],
    journal: Journal,
    progress: Progress,
    summary: Summary,
) -> dict[str, Any]:
    begin_writing = partial(journal.append, begun)
    file = task.files['video']
    written, expected = predict_video(inferencer, task.place, file, progress, begin_writing)
    if written < expected:
        summary.remarks.append(f'{task.place}: only {written} of {expected} frames could be read')
    return {}


def _predict_image(
    inferencer: Segmenter,
    task: Task,
    begun: dict[str, Any],
    journal: Journal,
    tile_size: int | None,
) -> dict[str, Any]:
    result = _find_segments(inferencer, task.place, tile_size)
    # Whatever stops the writing: the files are known as ours.
    journal.append(begun)
    write_outputs(result, task.files)
    if 'coco' not in task.files:
        return {}
    height, width = result.id_map.shape
    image = dict(file_name=task.source, height=height, width=width)
    return dict(image=image, annotation=result.to_coco(f'{task.name}.png'))


def _find_segments(inferencer: Segmenter, place: str, tile_size: int | None) -> PanopticResult:
    if tile_size is not None:
        image = inferencer.read(place)
        if max(image.shape[:2]) > tile_size:
            return predict_tiles(inferencer, image, tile_size, path=place)
    return inferencer(place, channel_order='bgr')


def _number(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return images and annotations with the ids of COCO's JSON."""
    ids = number_images(sorted(entry['image']['file_name'] for entry in entries))
    numbered = []
    for entry in entries:
        number = ids[entry['image']['file_name']]
        annotation = {**entry['annotation'], 'image_id': number}
        numbered.append(dict(image=dict(id=number, **entry['image']), annotation=annotation))
    return numbered
