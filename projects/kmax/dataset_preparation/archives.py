"""Unpacking of downloads; interrupted, it goes on where it stopped."""

import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from kmax_deeplab.atomic_file import remove_temporaries, write_atomically
from kmax_deeplab.local_files import check_regular
from kmax_deeplab.paths import place_within, refuse_name, refuse_shared_names

from ..panoptic.faults import Fault, FaultKind
from ..parallel import Progress

MAX_MEMBER = 2 * 2**30
"""Bytes of the largest file in an archive, which is unpacked in memory."""


@dataclass
class Member:
    """A file in an archive: its name, its bytes, and how to read it."""

    name: str
    size: int
    read: Callable[[], bytes]


def unpack(archive: Path, out_dir: Path, progress: Progress, strip: str = '') -> None:
    """Unpack a ``.zip`` or ``.tar``; files that are there in full are not written again.

    Files appear in ``out_dir`` when all are unpacked, a new folder at once: a folder of images
    would not tell that a part of them is missing. What is in the archive's folder ``strip`` goes to
    ``out_dir`` itself. A ValueError says that the archive is damaged, names files outside of
    ``out_dir``, would write through a link in it, has two files of one name, or holds one of more
    than ``MAX_MEMBER``, or that it needs a password; an
    OSError, that the disk has no room for what it says it holds.
    """
    unpacked = out_dir / f'.{archive.name}.unfinished'
    with _open(archive) as members:
        places = {member.name: _place(member, strip, archive) for member in members}
        # Some archives hold a file twice, which is no harm.
        found = {(str(places[member.name]), member.size): member.name for member in members}
        refuse_shared_names(((place, name) for (place, _), name in found.items()), str(archive))

        def is_there(member: Member) -> bool:
            place = places[member.name]
            return any(_is_whole(folder / place, member) for folder in (out_dir, unpacked))

        needed = sum(member.size for member in members if not is_there(member))
        _refuse_lack_of_room(needed, archive, out_dir)
        for member in progress(members, f'unpacking {archive.name}', len(members)):
            if not is_there(member):
                place = str(places[member.name])
                place_within(out_dir, place, f'archive {archive}')
                target = place_within(unpacked, place, f'archive {archive}')
                write_atomically(target, member.read())
    for folder, _, _ in os.walk(unpacked):
        remove_temporaries(Path(folder))
    if unpacked.is_dir():
        # After a loss of power files may be empty that have their names.
        os.sync()
        _merge(unpacked, out_dir)


def _place(member: Member, strip: str, archive: Path) -> PurePosixPath:
    """Return where a file goes in the folder; a ValueError refuses it."""
    path = PurePosixPath(member.name)
    refuse_name(member.name, f'archive {archive}')
    if member.size > MAX_MEMBER:
        raise ValueError(
            f'archive {archive} holds {member.name} of {member.size} bytes, more than the '
            f'{MAX_MEMBER} that a file of a data set may have: download it again'
        )
    return path.relative_to(strip) if path.is_relative_to(strip) else path


def _refuse_lack_of_room(needed: int, archive: Path, out_dir: Path) -> None:
    folder = next(folder for folder in (out_dir, *out_dir.absolute().parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f'archive {archive} unpacks to {needed} bytes, but the disk of {out_dir} has {free} '
            'free: make room, or give another folder'
        )


def _is_whole(path: Path, member: Member) -> bool:
    return path.is_file() and path.stat().st_size == member.size


def _merge(source: Path, target: Path) -> None:
    """Move the content of a folder into another, whole folders where they are new."""
    for path in source.iterdir():
        if path.is_dir() and (target / path.name).is_dir():
            _merge(path, target / path.name)
        else:
            path.replace(target / path.name)
    source.rmdir()


@contextmanager
def _open(archive: Path) -> Iterator[list[Member]]:
    check_regular(archive)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                yield list(_zip_members(content))
        else:
            with tarfile.open(archive) as content:
                yield list(_tar_members(content))
    except (zipfile.BadZipFile, tarfile.ReadError, zlib.error, EOFError) as error:
        message = f'archive {archive} is damaged, download it again: {error}'
        raise ValueError(message) from error
    except RuntimeError as error:
        # A password, or a method of compression that Python has not.
        raise ValueError(f'archive {archive} cannot be unpacked: {error}') from error


def _zip_members(content: zipfile.ZipFile) -> Iterator[Member]:
    infos = content.infolist()
    if infos and min(info.header_offset for info in infos) > 0:
        # Cut short, an archive of archives ends with the directory of an inner one.
        raise zipfile.BadZipFile('its directory is that of a part of it')
    for info in infos:
        if not info.is_dir() and not info.filename.startswith('__MACOSX'):
            yield Member(info.filename, info.file_size, partial(content.read, info))


def _tar_members(content: tarfile.TarFile) -> Iterator[Member]:
    for info in content:
        if info.isfile():
            yield Member(info.name, info.size, partial(_read, content, info))


def _read(content: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file: Any = content.extractfile(info)
    return file.read()


def collect(
    src: Path, out_dir: Path, downloads: dict[str, str], parts: Iterable[str], progress: Progress
) -> None:
    """Bring the downloads of a folder to where the configs look for them.

    Archives, of which ``downloads`` has the names and the folders in them to strip, are unpacked.
    Links are made to those ``parts``, relative to both folders, that are unpacked already. A
    FileNotFoundError says that ``src`` does not exist.
    """
    if not src.is_dir():
        raise FileNotFoundError(f'{src} is not a folder; give the one with the downloads')
    for name, strip in downloads.items():
        if (src / name).exists():
            unpack(src / name, out_dir, progress, strip)

    for name in parts:
        source, target = (src / name).absolute(), out_dir / name
        if target.is_symlink() and not target.exists():
            target.unlink()  # The downloads were moved.
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def find_missing(src: Path, out_dir: Path, needed: dict[str, str]) -> list[Fault]:
    """Say which parts of a data set are missing in ``out_dir`` and what to download into ``src``.

    ``needed`` tells where each file or folder, relative to ``out_dir``, comes from.
    """
    return [
        Fault(FaultKind.MISSING_IMAGE, f'{out_dir / name} is missing: download {origin} into {src}')
        for name, origin in needed.items()
        if not (out_dir / name).exists()
    ]
