"""What is to be written, once everything was looked at; all faults are found here."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..panoptic.faults import Fault, FaultKind
from ..parallel import Progress, run_parallel
from .classes import Classes, ImportedClass, choose_classes, read_classes
from .examination import Examined, examine, examine_overlaps
from .kinds import Opener
from .painting import Table
from .rasters import Size
from .source import AsThing, ClassHint, Label, Reading, Source, SourceError, SourceImage
from .splitting import choose_validation

TRAIN, VAL = 'train', 'val'
UNLABELLED = 'images without annotations'
VOID_ONLY = 'images of which no region has a pixel'
CLASSES_FILE = 'classes.yaml'


@dataclass(frozen=True)
class Options:
    """How labels are imported.

    Attributes:
        things: Labels of things, where the format does not tell.
        ignore: Labels that become void.
        classes: The YAML of classes.
        overlap: One of :data:`.OVERLAPS`.
        share: The share of the images that is for validation.
        seed: Another one chooses others.
        group_by: What finds the group in the name of an image.
        images: Whether images are ``link``-ed to or ``copy``-ed.
    """

    things: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    classes: Path | None = None
    overlap: str = 'smallest'
    share: float = 0.1
    seed: int = 0
    group_by: str | None = None
    images: str = 'link'


@dataclass(frozen=True)
class Planned:
    """One image that is to be written.

    Attributes:
        split: Where.
        image: The image.
        size: ``(height, width)`` as it is shown.
    """

    split: str
    image: SourceImage
    size: Size


@dataclass(frozen=True)
class Plan:
    """All that is to be written.

    Attributes:
        items: The images, sorted by split and name.
        classes: Of all splits.
        left_out: What is not to be written, and how many of it.
        notes: What has to be said in the end.
    """

    items: list[Planned]
    classes: Classes
    left_out: Counter[str]
    notes: list[str]


class FaultyLabelsError(ValueError):
    """The labels cannot be imported.

    Args:
        faults: All that is wrong with them.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f'{len(faults)} faults, see above; nothing was written')
        self.faults = list(faults)


def make_plan(
    opener: Opener,
    readings: Mapping[str, Reading],
    out: Path,
    options: Options,
    workers: int,
    progress: Progress,
) -> Plan:
    """Look at all images and labels, and decide what becomes of them.

    Args:
        opener: Opens the format.
        readings: Where each given split is read from; one alone is split.
        out: Folder that is to be written, where classes of an earlier run may be.
        options: What the user wants.
        workers: Number of processes.
        progress: Shows the progress of an iterable.

    Raises:
        FaultyLabelsError: With all that is wrong with the labels.
        OSError: If a file or folder of the export cannot be read.
        ValueError: If an option does not fit to the labels.
    """
    sources = {split: _open(opener, reading) for split, reading in readings.items()}
    listed = [(split, image) for split, source in sources.items() for image in source.images]
    listed.sort(key=lambda pair: (pair[0], pair[1].name))
    images = [image for _, image in listed]
    looks = run_parallel(examine, images, workers)
    examined: list[Examined] = list(progress(looks, 'checking', len(images)))
    faults = [fault for source in sources.values() for fault in source.faults]
    faults += [fault for found in examined for fault in found.faults]
    faults += _find_doubled_images(listed)
    faults += _find_class_differences(sources)
    classes, more = _settle_classes(sources, examined, out, options, bool(faults))
    faults += more
    if faults or classes is None:
        raise FaultyLabelsError(faults)
    table = classes.table()
    left_out, remarks = _count(sources.values(), examined)
    kept = []
    for (split, image), found in zip(listed, examined, strict=True):
        if any(_is_painted(table[label], as_thing) for label, as_thing in found.visible):
            kept.append(Planned(split, image, found.size))
        else:
            has_classes = any(table[label] is not None for label in found.labels)
            left_out[VOID_ONLY if has_classes else UNLABELLED] += 1
    if options.overlap == 'error':
        _refuse_overlaps(kept, table, workers, progress)
    for split, reading in readings.items():
        if not any(planned.split == split for planned in kept):
            paths = ', '.join(map(str, reading.paths))
            raise ValueError(f'no image of {paths} has a label with a pixel')
    if set(readings) == {TRAIN}:
        kept = _split(kept, options)
    notes = list(dict.fromkeys(note for source in sources.values() for note in source.notes))
    notes += [f'{count} {what}' for what, count in remarks.items()]
    notes += _describe_val_alone(listed, examined, table)
    return Plan(sorted(kept, key=lambda p: (p.split, p.image.name)), classes, left_out, notes)


def _is_painted(owner: ImportedClass | None, as_thing: AsThing) -> bool:
    """Tell whether a region with a pixel becomes a segment."""
    return owner is not None and not (owner.is_thing and as_thing is AsThing.VOID)


def _open(opener: Opener, reading: Reading) -> Source:
    try:
        return opener(reading)
    except SourceError as error:
        return Source([], faults=error.faults)


def _find_doubled_images(listed: list[tuple[str, SourceImage]]) -> Iterator[Fault]:
    """Yield file names that several images of a split have."""
    places = defaultdict(list)
    for split, image in listed:
        places[split, image.name].append(image.place)
    for (_, name), each in places.items():
        if len(each) > 1:
            message = f'image {name} is annotated {len(each)} times: {", ".join(sorted(each))}'
            yield Fault(FaultKind.DUPLICATE_ANNOTATION, message)


def _find_class_differences(sources: Mapping[str, Source]) -> Iterator[Fault]:
    """Yield what training and validation do not have in common, where both list their classes."""
    if set(sources) != {TRAIN, VAL}:
        return
    names = {split: {hint.label for hint in source.classes} for split, source in sources.items()}
    if all(names.values()) and names[TRAIN] != names[VAL]:
        for split, other in ((TRAIN, VAL), (VAL, TRAIN)):
            for name in sorted(map(str, names[split] - names[other])):
                message = f'class {name} is listed for {split}, but not for {other}'
                yield Fault(FaultKind.CATEGORIES, message)


def _describe_val_alone(
    listed: list[tuple[str, SourceImage]], examined: Sequence[Examined], table: Table
) -> list[str]:
    """Return the note on classes that only validation has, which may be misspelt, if any."""
    found: dict[str, set[str]] = {TRAIN: set(), VAL: set()}
    for (split, _), each in zip(listed, examined, strict=True):
        owners = (table[label] for label in each.labels)
        found[split] |= {owner.name for owner in owners if owner is not None}
    alone = ', '.join(sorted(found[VAL] - found[TRAIN]))
    return [f'classes of val that no image of train has: {alone}'] if alone else []


def _settle_classes(
    sources: Mapping[str, Source],
    examined: Sequence[Examined],
    out: Path,
    options: Options,
    is_faulty: bool,
) -> tuple[Classes | None, list[Fault]]:
    """Read the YAML of classes, or make classes of what is known, and list what contradicts them.

    Where there are other faults already, what would be asked of the user can wait.
    """
    hints, faults = _merge_hints(sources.values(), examined)
    path = find_classes_file(out, options)
    is_told = options.things is not None or options.ignore is not None
    if path is not None and not is_told:
        classes = read_classes(path)
        return classes, [*faults, *_find_contradictions(classes, hints, examined, path)]
    if faults:
        return None, faults
    others_are_things = all(source.others_are_things for source in sources.values())
    try:
        chosen = choose_classes(hints.values(), options.things, options.ignore, others_are_things)
    except ValueError:
        if is_faulty:
            return None, faults
        raise
    # The same words again, as to go on after an interruption.
    if path is not None and not is_faulty and read_classes(path) != chosen:
        raise ValueError(f'{path} tells other classes than --things and --ignore: leave them out')
    return chosen, faults


def find_classes_file(out: Path, options: Options) -> Path | None:
    """Return the YAML that tells the classes: the one given, or that of an earlier run.

    Raises:
        ValueError: If one is given, and options or the other one tell classes, too.
    """
    written = out / CLASSES_FILE
    if options.classes is None:
        return written if written.is_file() else None
    if options.things is not None or options.ignore is not None:
        raise ValueError(
            f'{options.classes} tells what is a thing and what is ignored: leave out --things and '
            '--ignore'
        )
    if written.is_file() and read_classes(written) != read_classes(options.classes):
        raise ValueError(f'{written} is there and differs from {options.classes}: give another OUT')
    return options.classes


def _merge_hints(
    sources: Iterable[Source], examined: Iterable[Examined]
) -> tuple[dict[Label, ClassHint], list[Fault]]:
    """Return what is told of each label, and labels of which two things are told."""
    hints: dict[Label, ClassHint] = {}
    faults = []
    for hint in (hint for source in sources for hint in source.classes):
        known = hints.setdefault(hint.label, hint)
        if None not in (known.is_thing, hint.is_thing) and known.is_thing != hint.is_thing:
            message = f'class {hint.label} is one of things in one place and stuff in another'
            faults.append(Fault(FaultKind.CATEGORIES, message))
        if known.is_thing is None:
            hints[hint.label] = replace(known, is_thing=hint.is_thing)
    for found in examined:
        for label in found.labels:
            hints.setdefault(label, ClassHint(label))
    return hints, faults


def _find_contradictions(
    classes: Classes, hints: Mapping[Label, ClassHint], examined: Iterable[Examined], path: Path
) -> Iterator[Fault]:
    """Yield labels that the YAML does not know, and things that are stuff there, or stuff things.

    Of an unknown label that only a list has, nothing is said.
    """
    table = classes.table()
    unknown: dict[Label, str] = {}
    for found in examined:
        for label, place in found.labels.items():
            if label not in table:
                unknown.setdefault(label, place)
    for label, place in unknown.items():
        message = f'{place} is of "{label}", which is neither a class nor ignored in {path}'
        yield Fault(FaultKind.UNKNOWN_CATEGORY, message)
    kinds = {True: 'one of things', False: 'stuff'}
    for label, hint in hints.items():
        entry = table.get(label)
        if entry is not None and hint.is_thing is not None and entry.is_thing != hint.is_thing:
            message = f'class {label} is {kinds[hint.is_thing]} in the labels, but '
            yield Fault(FaultKind.CATEGORIES, f'{message}{kinds[entry.is_thing]} in {path}')


def _count(
    sources: Iterable[Source], examined: Iterable[Examined]
) -> tuple[Counter[str], Counter[str]]:
    """Return how many images have no annotations, and what is to be said of regions."""
    left_out = Counter({UNLABELLED: sum(source.unlabelled for source in sources)})
    remarks: Counter[str] = Counter()
    for found in examined:
        remarks += found.remarks
    return left_out, remarks


def _refuse_overlaps(
    kept: Sequence[Planned], table: Table, workers: int, progress: Progress
) -> None:
    look = partial(examine_overlaps, table=table)
    results = run_parallel(look, [(each.image, each.size) for each in kept], workers)
    faults = [f for found in progress(results, 'looking for overlaps', len(kept)) for f in found]
    if faults:
        raise FaultyLabelsError(faults)


def _split(kept: Sequence[Planned], options: Options) -> list[Planned]:
    names = [planned.image.name for planned in kept]
    val = choose_validation(names, options.share, options.seed, options.group_by)
    return [replace(each, split=VAL) if each.image.name in val else each for each in kept]
