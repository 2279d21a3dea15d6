"""Names of files that come from data, and the paths they become."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

MAX_NAME = 215
"""Bytes that the name of a file or folder may have: usual file systems take 255, of which the name
of a file that is being written needs some."""


def find_name_fault(name: str) -> str | None:
    """Say why data may not name a file to write like this: it would lie outside of its folder.

    Args:
        name: What a JSON, an archive or a data set calls the file.
    """
    path = PurePosixPath(name)
    if '\0' in name:
        return 'holds a null character'
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in name):
        return 'holds a control character, or half of a character'
    if '\\' in name:
        return 'holds a backslash: folders are separated by /'
    if path.is_absolute() or PureWindowsPath(name).is_absolute():
        return 'is absolute: it must be relative to the folder'
    if '..' in path.parts:
        return 'leads out of the folder by ..'
    if not path.parts or name.endswith('/'):
        return 'names no file'
    if any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):
        return f'is longer than {MAX_NAME} bytes'
    return None


def refuse_name(name: str, source: str) -> None:
    """Raise a ValueError if ``source`` may not name a file to write like this."""
    fault = find_name_fault(name)
    if fault is not None:
        raise ValueError(f'{source} names the file {name!r}, which {fault}')


def place_within(folder: Path, name: str, source: str) -> Path:
    """Return the path of a file that data names, to be written into a folder.

    Args:
        folder: Where it belongs.
        name: What the data call it.
        source: What names it, for the message, such as a JSON.

    Raises:
        ValueError: If it would not lie in the folder: the name is absolute, leads out by ``..``, is
            none, or has a folder on its way that is a link.
    """
    refuse_name(name, source)
    for parent in PurePosixPath(name).parents[:-1]:
        if (folder / parent).is_symlink():
            raise ValueError(
                f'{folder / parent} is a link, through which {name} of {source} would be written '
                'into another folder: remove the link'
            )
    return folder / name


def refuse_shared_names(names: Iterable[tuple[str, str]], source: str) -> None:
    """Refuse names of which two would be one file, or one the folder of another.

    Args:
        names: Of each file its name and what it is made of, for the message.
        source: What names them, likewise.

    Raises:
        ValueError: Names both.
    """
    owner_of: dict[PurePosixPath, str] = {}
    for name, owner in names:
        path = PurePosixPath(name)
        if path in owner_of:
            raise ValueError(
                f'{source}: {owner_of[path]} and {owner} would be written to one file, {name}: '
                'give them different names'
            )
        owner_of[path] = owner
    for path, owner in owner_of.items():
        parent = next((parent for parent in path.parents if parent in owner_of), None)
        if parent is not None:
            raise ValueError(
                f'{source}: {owner_of[parent]} would be written to {parent}, which is a folder of '
                f'{path}, of {owner}: give them different names'
            )


def refuse_replacing(files: Iterable[Path], inputs: Iterable[str]) -> None:
    """Refuse to write what is made of files in the place of one of them.

    Raises:
        ValueError: Names it.
    """
    read = {Path(path).resolve() for path in inputs}
    over = next((file for file in files if file.resolve() in read), None)
    if over is not None:
        raise ValueError(f'{over} would replace the image that it shows: give another folder')


def distinct_names(paths: Sequence[str], ending: str | None = None) -> list[str]:
    """Return a relative name for what is written of each file, all different.

    These are the files' own names where those differ; else they keep their folders, below the one
    that all have in common; else their endings too; and what is there twice gets a number.

    Args:
        paths: The files.
        ending: What the names end in, as ``'.png'``; the files' own endings by default.

    Example:
        >>> distinct_names(['val/a/1.jpg', 'val/b/1.jpg'], '.png')
        ['a/1.png', 'b/1.png']
    """
    pure = [PurePosixPath(path) for path in paths]
    bare = [PurePosixPath(path.name) for path in pure]
    below = _below_common_folder(pure)
    for places in (bare, below):
        names = [str(p if ending is None else p.with_suffix(ending)) for p in places]
        if _are_files(names):
            return names
    return _number([f'{place}{ending or ""}' for place in below], ending)


def _below_common_folder(paths: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    folders = [path.parts[:-1] for path in paths]
    common = len(os.path.commonprefix(folders))
    kept = ([p for p in path.parts[common:] if p not in ('/', '..')] for path in paths)
    return [PurePosixPath(*parts) for parts in kept]


def _are_files(names: Sequence[str]) -> bool:
    """Tell whether all names differ, on every file system, and none is a folder of another."""
    folded = {name.casefold() for name in names}
    parents = {str(parent) for name in folded for parent in PurePosixPath(name).parents}
    return len(folded) == len(names) and not folded & parents


def _number(names: Sequence[str], ending: str | None) -> list[str]:
    chosen: dict[str, None] = {}
    for name in names:
        tail = PurePosixPath(name).suffix if ending is None else ending
        number, numbered = 1, name
        while numbered in chosen:
            number += 1
            numbered = f'{name.removesuffix(tail)}_{number}{tail}'
        chosen[numbered] = None
    return list(chosen)
