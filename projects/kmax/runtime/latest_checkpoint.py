"""Which checkpoint a training begins with."""

import logging
import os
import re
import zipfile
from pathlib import Path

from mmengine.logging import print_log

LAST = 'last_checkpoint'
# How files of torch before 1.6 begin: a pickled number.
OLD_FORMAT = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'
NAME = re.compile(r'(?:iter|epoch)_(\d+)\.pth')


def choose_start(
    resume: str | bool | None, load_from: str | None, folder: str
) -> tuple[bool, str | None]:
    """Decide whether a training continues another one, and with which checkpoint it begins.

    With ``resume='auto'`` it continues from the newest whole checkpoint in the work folder, if
    there is one; with True likewise, but from the config's ``load_from`` if that is given; with a
    file or URL from that. If that is damaged, or all in the folder are, it is a ValueError.
    """
    if not resume:
        return False, load_from
    checkpoint = load_from if resume is True else resume
    if checkpoint is None or checkpoint == 'auto':
        found = find_whole_checkpoint(folder)
        if found is not None:
            return True, found
        start = 'new weights' if load_from is None else f'load_from={load_from}'
        text = f'no checkpoint to resume from in {folder}: training begins with {start}'
        print_log(text, logger='current')
        return False, load_from
    fault = None if '://' in checkpoint else find_fault(Path(checkpoint))
    if fault is not None:
        raise ValueError(f'--resume: checkpoint {checkpoint} is damaged: {fault}')
    return True, checkpoint


def find_whole_checkpoint(folder: str) -> str | None:
    """Find the newest checkpoint in a work folder that is not damaged.

    The one that ``last_checkpoint`` names comes first, after those of later iterations written
    since, as a run killed in between leaves them; earlier ones follow. Each damaged one is warned
    of.

    Returns:
        Its path, or None if there is no checkpoint at all.

    Raises:
        ValueError: If there are checkpoints, but none is whole.
    """
    candidates = _candidates(Path(folder))
    for path in candidates:
        fault = find_fault(path)
        if fault is None:
            return str(path)
        print_log(
            f'checkpoint {path} is damaged ({fault}) and is skipped',
            logger='current',
            level=logging.WARNING,
        )
    if candidates:
        names = ', '.join(str(path) for path in candidates)
        raise ValueError(f'no checkpoint in {folder} is whole, all are damaged: {names}')
    return None


def find_fault(path: Path) -> str | None:
    """Say what is wrong with a checkpoint file: it is absent, cut short or changed.

    The format of torch before 1.6 has no checksums: nothing is found in it.
    """
    try:
        with path.open('rb') as stream:
            if stream.read(len(OLD_FORMAT)) == OLD_FORMAT:
                return None
        with zipfile.ZipFile(path) as file:
            broken = file.testzip()
    # A damaged directory of the archive raises nearly any exception.
    except Exception as error:
        return str(error) or type(error).__name__
    return None if broken is None else f'{broken} has a wrong checksum'


def _candidates(folder: Path) -> list[Path]:
    """Return the checkpoints to try, best first."""
    pointer = folder / LAST
    # A name may be of any bytes but null, which a damaged file holds.
    content = pointer.read_bytes().replace(b'\0', b'') if pointer.is_file() else b''
    named = os.fsdecode(content).strip()
    last = Path(named) if named else None
    if last is not None and not last.exists():
        # The work folder was moved.
        last = folder / last.name
        if not last.exists() and not NAME.fullmatch(last.name):
            # What names no checkpoint hides none.
            last = None
    folders = {folder, last.parent} if last is not None else {folder}
    found = {path for place in folders for path in place.glob('*.pth') if NAME.fullmatch(path.name)}
    files = sorted(found, key=_step, reverse=True)
    if last is None:
        return files
    written = pointer.stat().st_mtime_ns
    step = _step(last)
    newer = [path for path in files if _step(path) > step and path.stat().st_mtime_ns > written]
    return [*newer, last, *(path for path in files if _step(path) < step)]


def _step(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    return int(match[1]) if match else 0
