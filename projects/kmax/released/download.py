"""Downloads that go on where they stopped."""

import http.client
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kmax_deeplab.atomic_file import naming
from kmax_deeplab.errors import text_of

PART = '.part'
"""End of the name of what has been downloaded so far."""

PAUSES = (1, 2, 4)
"""Seconds before each further try without progress."""

TIMEOUT = 30
"""Seconds without an answer after which a connection counts as broken."""

CHUNK = 2**18
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(OSError):
    """A file cannot be downloaded; says what was asked for, and why."""


class _BrokenOffError(Exception):
    """A connection ended before its file did."""


def download(url: str, path: Path, show_progress: bool = True) -> None:
    """Download a file, which appears when it is complete.

    What a break, an error or a full disk leaves is kept beside it, and is where the next call goes
    on. A connection that breaks is opened again, as long as each brings something.

    Args:
        url: What to download, by http or https.
        path: Its place; missing folders are made.
        show_progress: Whether to show a bar on stderr: bytes, rate and the time that is left.

    Raises:
        DownloadError: If the server refuses it, or cannot be reached any more.
        OSError: If it cannot be written; names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    columns = (
        *(TextColumn('{task.description}'), BarColumn(), DownloadColumn(binary_units=True)),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not show_progress) as bar:
        task = bar.add_task(f'downloading {path.name}', total=None)
        _insist(lambda: _go_on(url, part, bar, task), lambda: _size(part), url)
    os.replace(part, path)


def _insist(step: Callable[[], None], size: Callable[[], int], url: str) -> None:
    """Take a step until it is through, or has failed several times without progress."""
    pauses, before = list(PAUSES), size()
    while True:
        try:
            return step()
        except _BrokenOffError as error:
            if size() > before:
                pauses, before = list(PAUSES), size()
            if not pauses:
                kept = f'; the {before / 2**20:.1f} MiB so far are kept' if before else ''
                raise DownloadError(f'{url} cannot be downloaded: {error}{kept}') from error
            time.sleep(pauses.pop(0))


def _go_on(url: str, part: Path, bar: Progress, task: TaskID) -> None:
    """Download what is missing of a file.

    The parts may come from different servers: that they belong together is told by the checksum
    that a compressed archive ends in.
    """
    start = _size(part)
    try:
        response = urlopen(Request(url, headers=_range_from(start)), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:
            return _end_or_start_anew(error, part)
        if error.code in TRANSIENT:
            raise _BrokenOffError(f'HTTP {error.code} {error.reason}') from error
        raise DownloadError(
            f'{url} cannot be downloaded: HTTP {error.code} {error.reason}'
        ) from error
    except http.client.InvalidURL as error:
        raise DownloadError(f'{url} is no URL: {error}') from error
    except URLError as error:
        reason = error.reason
        raise _BrokenOffError(reason if isinstance(reason, str) else text_of(reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(text_of(error)) from error
    with response:
        # A server that knows no ranges sends all of it.
        start = start if response.status == 206 else 0
        length = response.headers.get('Content-Length')
        total = start + int(length) if length is not None else None
        bar.update(task, total=total, completed=start)
        _write(response, part, start, lambda count: bar.advance(task, count))
    size = _size(part)
    if total is not None and size < total:
        raise _BrokenOffError(f'the connection broke off after {size} of {total} bytes')


def _range_from(start: int) -> dict[str, str]:
    return {'Range': f'bytes={start}-'} if start else {}


def _end_or_start_anew(error: HTTPError, part: Path) -> None:
    """Where a server has nothing beyond a part, tell whether that is all, else drop it."""
    found = re.fullmatch(r'bytes \*/(\d+)', error.headers.get('Content-Range') or '')
    if found is None or int(found[1]) != _size(part):
        part.unlink()
        raise _BrokenOffError('the part so far is not one of the file on the server') from error


def _write(
    response: http.client.HTTPResponse, part: Path, start: int, count: Callable[[int], object]
) -> None:
    """Write what a server sends to the end of a part, or from its beginning."""
    with naming(part), part.open('ab') as file:
        file.truncate(start)
        while content := _read(response):
            file.write(content)
            # A full disk shall be told of the bytes that do not fit, not later.
            file.flush()
            count(len(content))


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(text_of(error)) from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
