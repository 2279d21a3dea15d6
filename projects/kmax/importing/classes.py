"""The classes of an imported data set, and the small YAML that holds them.

.. code-block:: yaml

    classes:
    - {name: car, isthing: true, id: 1, color: [0, 0, 142]}
    - {name: road, isthing: false, id: 2, value: 7}
    ignore: [255, unlabeled]
    rename: {automobile: car}
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kmax_deeplab.atomic_file import write_atomically

from ..panoptic.field_types import NAME
from ..void import IGNORED_LABEL, MAX_CLASSES
from .source import ClassHint, Label

DEFAULT_IGNORED: tuple[Label, ...] = (IGNORED_LABEL,)
"""Labels that become void unless it is told which."""

_FIELDS = ('name', 'isthing', 'id', 'value', 'color')


@dataclass(frozen=True)
class ImportedClass:
    """One class.

    Attributes:
        name: Its name in the data set that is written, and in formats that have names.
        is_thing: Whether it is one of things.
        id: Its category id in the data set that is written.
        color: RGB, also its colour in label maps of colours; None for any.
        value: Its number in label maps; by default ``id``.
    """

    name: str
    is_thing: bool
    id: int
    color: tuple[int, int, int] | None = None
    value: int | None = None

    def labels(self) -> list[Label]:
        """Return all that regions may call it."""
        labels: list[Label] = [self.name, self.id if self.value is None else self.value]
        if self.color is not None:
            labels.append('#{:02x}{:02x}{:02x}'.format(*self.color))
        return labels


@dataclass(frozen=True)
class Classes:
    """All classes, and what is none.

    Attributes:
        entries: The classes.
        ignore: Labels that become void.
        rename: The name of the class of labels that are called otherwise.
    """

    entries: tuple[ImportedClass, ...]
    ignore: tuple[Label, ...] = DEFAULT_IGNORED
    rename: dict[Label, str] = field(default_factory=dict)

    def table(self) -> dict[Label, ImportedClass | None]:
        """Return the class of every label; None for those that become void."""
        table: dict[Label, ImportedClass | None] = {}
        for entry in self.entries:
            table |= dict.fromkeys(entry.labels(), entry)
        by_name = {entry.name: entry for entry in self.entries}
        table |= {label: by_name[name] for label, name in self.rename.items()}
        return table | dict.fromkeys(self.ignore)

    def categories(self) -> list[dict[str, Any]]:
        """Return the categories of a panoptic JSON."""
        return [
            dict(id=entry.id, name=entry.name, isthing=int(entry.is_thing))
            | ({} if entry.color is None else dict(color=list(entry.color)))
            for entry in self.entries
        ]


def choose_classes(
    hints: Iterable[ClassHint],
    things: Sequence[str] | None,
    ignore: Sequence[str] | None,
    others_are_things: bool,
) -> Classes:
    """Make classes of what formats and the user tell.

    Args:
        hints: What is told of each label, of each one once.
        things: Labels of things; all others that the format tells nothing of are stuff.
        ignore: Labels that become void.
        others_are_things: Whether labels that nobody tells anything of are things.

    Raises:
        ValueError: If a given label is unknown, or it is not known which are things.
    """
    hints = sorted(hints, key=lambda hint: (isinstance(hint.label, str), hint.label))
    known = {str(hint.label): hint.label for hint in hints}
    for option, names in (('--things', things), ('--ignore', ignore)):
        unknown = [name for name in names or [] if name not in known]
        if unknown:
            raise ValueError(f'{option} names {", ".join(unknown)}: the labels are {_list(known)}')
    ignored = DEFAULT_IGNORED if ignore is None else tuple(known[name] for name in ignore)
    hints = [hint for hint in hints if hint.label not in ignored]
    _refuse_nameless(hints)
    if len(hints) > MAX_CLASSES:
        raise ValueError(f'{len(hints)} classes are too many: no more than {MAX_CLASSES} can be')
    if things is None and not others_are_things:
        open_ones = [str(hint.label) for hint in hints if hint.is_thing is None]
        if open_ones:
            raise ValueError(
                'nothing tells things from stuff: give --things A,B,C ("" for none) or --classes '
                f'FILE; the labels are {_list(open_ones)}'
            )
    default = others_are_things and things is None
    ids = _choose_ids(hints)
    entries = tuple(
        ImportedClass(
            str(hint.label), _is_thing(hint, things, default), ids[hint.label], _color(hint)
        )
        for hint in hints
    )
    return Classes(entries, ignored)


def _list(names: Iterable[str]) -> str:
    return ', '.join(names)


def _refuse_nameless(hints: list[ClassHint]) -> None:
    """Refuse values of label maps beside named classes, of which they may be any."""
    values = [str(hint.label) for hint in hints if isinstance(hint.label, int)]
    if values and len(values) < len(hints):
        raise ValueError(
            f'the label maps hold the values {_list(values)}, which no name stands for: give '
            '--classes FILE, a YAML in which each class has its "value" (docs/importing.md)'
        )


def _is_thing(hint: ClassHint, things: Sequence[str] | None, default: bool) -> bool:
    if things is not None and str(hint.label) in things:
        if hint.is_thing is False:
            raise ValueError(f'--things names {hint.label}, which the format says is stuff')
        return True
    return default if hint.is_thing is None else hint.is_thing


def _color(hint: ClassHint) -> tuple[int, int, int] | None:
    if isinstance(hint.label, str) and hint.label.startswith('#') and hint.color is None:
        red, green, blue = bytes.fromhex(hint.label[1:])
        return red, green, blue
    return hint.color


def _choose_ids(hints: list[ClassHint]) -> dict[Label, int]:
    """Return the id of each label: its own, if all differ, or the next that is free."""
    ids: dict[Label, int] = {}
    for hint in hints:
        own = hint.label if isinstance(hint.label, int) else hint.id
        if own is not None and own >= 0 and own not in ids.values():
            ids[hint.label] = own
    taken = set(ids.values())
    unused = (number for number in range(1, 2 * len(hints) + 1) if number not in taken)
    return {hint.label: ids[hint.label] if hint.label in ids else next(unused) for hint in hints}


def write_classes(path: Path, classes: Classes) -> None:
    """Write the YAML, which appears whole or not at all."""
    rows = [_row(entry) for entry in classes.entries]
    content: dict[str, Any] = dict(classes=rows, ignore=list(classes.ignore))
    if classes.rename:
        content['rename'] = classes.rename
    # Flow style for the innermost collections alone: one class a line.
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, default_flow_style=None)
    write_atomically(path, text.encode(), sync=True)


def _row(entry: ImportedClass) -> dict[str, Any]:
    row: dict[str, Any] = dict(name=entry.name, isthing=entry.is_thing, id=entry.id)
    if entry.value is not None:
        row['value'] = entry.value
    if entry.color is not None:
        row['color'] = list(entry.color)
    return row


def read_classes(path: Path) -> Classes:
    """Read the YAML.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no YAML, or a field is wrong; names it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is no YAML in UTF-8: {error}') from error
    if not isinstance(content, dict) or not isinstance(content.get('classes'), list):
        raise ValueError(f'{path} must have "classes", a list of {{name: car, isthing: true}}')
    unknown = sorted(map(str, content.keys() - {'classes', 'ignore', 'rename'}))
    if unknown:
        raise ValueError(f'{path} has the unknown fields {unknown}: classes, ignore, rename')
    rows = [_checked(row, number, path) for number, row in enumerate(content['classes'], 1)]
    taken = {row['id'] for row in rows if 'id' in row}
    unused = iter(number for number in range(1, 2 * len(rows) + 1) if number not in taken)
    entries = tuple(
        ImportedClass(
            row['name'],
            row['isthing'],
            row['id'] if 'id' in row else next(unused),
            tuple(row['color']) if row.get('color') is not None else None,
            row.get('value'),
        )
        for row in rows
    )
    ignore = content.get('ignore', list(DEFAULT_IGNORED)) or []
    rename = content.get('rename') or {}
    _check_rest(ignore, rename, entries, path)
    return Classes(entries, tuple(ignore), rename)


def _checked(row: Any, number: int, path: Path) -> dict[str, Any]:
    """Return the row of a class, of which every field is sound."""
    place = f'class {number} of {path}'
    if not isinstance(row, dict):
        raise ValueError(f'{place} must be like {{name: car, isthing: true}}, but is {row!r}')
    unknown = [str(name) for name in row if name not in _FIELDS]
    if unknown:
        raise ValueError(f'{place} has the unknown fields {unknown}: known are {list(_FIELDS)}')
    name = row.get('name')
    if not isinstance(name, str) or not NAME[0](name) or not name.strip():
        raise ValueError(f'{place} has the name {name!r}, which must be text: put it in quotes')
    if type(row.get('isthing')) is not bool:
        raise ValueError(f'{place} ({name}) must have isthing: true or isthing: false')
    for field_name in ('id', 'value'):
        value = row.get(field_name, 0)
        if type(value) is not int or value < 0:
            raise ValueError(f'{place} ({name}) has {field_name}: {value!r}, no number from 0 on')
    color = row.get('color')
    if color is not None and not _is_color(color):
        raise ValueError(f'{place} ({name}) has color: {color!r}, not [red, green, blue] up to 255')
    return row | dict(name=name.strip())


def _is_color(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(type(part) is int and 0 <= part <= 255 for part in value)
    )


def _check_rest(ignore: Any, rename: Any, entries: Sequence[ImportedClass], path: Path) -> None:
    if not entries or len(entries) > MAX_CLASSES:
        raise ValueError(f'{path} has {len(entries)} classes: between 1 and {MAX_CLASSES} can be')
    for name, values in (
        ('name', [entry.name for entry in entries]),
        ('id', [entry.id for entry in entries]),
        ('value', [entry.labels()[1] for entry in entries]),
    ):
        doubled = [str(value) for value, count in Counter(values).items() if count > 1]
        if doubled:
            raise ValueError(f'{path} has several classes with the {name} {", ".join(doubled)}')
    if not isinstance(ignore, list) or not all(type(label) in (int, str) for label in ignore):
        raise ValueError(f'"ignore" of {path} must be a list of names or numbers, not {ignore!r}')
    names = {entry.name for entry in entries}
    if not isinstance(rename, dict) or not all(new in names for new in rename.values()):
        raise ValueError(f'"rename" of {path} must lead from labels to names of its classes')
