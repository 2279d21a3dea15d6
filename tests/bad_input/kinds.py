"""Kinds of bad input: each does something wrong to a user's folder and says what must come of it.

A kind is a function of a :class:`Place`. It must find that a command refuses the input in one
clear line (``refused``), does the rest of its job (``partly``), lists the fault (``reported``) or
takes the input rightly (``works``), and that a call raises an error which says so (``raises``) or
returns what is right (plain ``assert``). Whatever else happens is an :class:`Outcome`.
"""

import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.logging import MMLogger
from mmengine.visualization import Visualizer
from user_folder import make_folder

from kmax_deeplab import cli, errors
from projects.kmax.panoptic_format import write_panoptic_png

CONTEXT = multiprocessing.get_context('fork')
SECONDS = 60
OUTCOMES = ('clear', 'unclear', 'traceback', 'silent', 'hang', 'harmed', 'left')


class Kind(NamedTuple):
    area: str
    name: str
    run: Callable


KINDS: list[Kind] = []


def kind(area: str, name: str):
    """Enter a function of a place as a kind of bad input."""

    def enter(function):
        assert (area, name) not in {(known.area, known.name) for known in KINDS}, (area, name)
        KINDS.append(Kind(area, name, function))
        return function

    return enter


def kinds(area: str, table: Iterable[tuple], run: Callable) -> None:
    """Enter a kind per row: its name, and what ``run`` gets after the place."""
    for name, *given in table:
        kind(area, name)(lambda place, given=given: run(place, *given))


class Outcome(Exception):
    """What came of bad input, other than what must come of it."""

    def __init__(self, name: str, reason: str):
        assert name in OUTCOMES
        super().__init__(name, reason)
        self.name, self.reason = name, reason


@dataclass
class Result:
    """How a command ended."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str
    new_files: list[str] = field(default_factory=list)

    @property
    def text(self):
        return self.out + self.err

    def refused(self, message: str, leaves: str = '') -> 'Result':
        """Ended with status 2 and one line on stderr that matches; nothing was written.

        Args:
            message: Regular expression, searched in what follows ``error: ``.
            leaves: Regular expression of names of new files that may stay all the same.
        """
        self._no_traceback()
        if self.status == 0:
            raise Outcome('silent', f'{self.words} ended with status 0: {self.text[-800:]}')
        # libpng writes there itself.
        lines = [line for line in self.err.splitlines() if not line.startswith('libpng ')]
        clear = len(lines) == 1 and re.search(rf'error: .*{message}', lines[0])
        if not clear or self.status != 2:
            raise Outcome('unclear', f'{self.words}: status {self.status}: {self.err[-2000:]}')
        self._left(leaves)
        return self

    def partly(self, message: str, leaves: str = '.*') -> 'Result':
        """Ended with status 1 after the rest of its work, and said what was not done."""
        return self._ends_with(1, message, leaves)

    def reported(self, message: str) -> 'Result':
        """Is a check that ended with status 1 and lists the fault."""
        return self._ends_with(1, message, '.*')

    def works(self, message: str = '', leaves: str = '.*') -> 'Result':
        """Ended with status 0, and said something that matches."""
        return self._ends_with(0, message, leaves)

    def ends(self, status: int, message: str = '', leaves: str = '.*') -> 'Result':
        """Ended with another status, as by a signal, and said something that matches."""
        return self._ends_with(status, message, leaves)

    def _ends_with(self, status, message, leaves):
        self._no_traceback()
        if status and self.status == 0:
            raise Outcome('silent', f'{self.words} ended with status 0: {self.text[-2000:]}')
        if self.status != status or not re.search(message, self.text):
            raise Outcome('unclear', f'{self.words}: status {self.status}: {self.text[-2000:]}')
        self._left(leaves)
        return self

    def _no_traceback(self):
        if 'Traceback (most recent call last)' in self.text or self.status < 0:
            raise Outcome('traceback', f'{self.words}: {self.status}: {self.text[-2000:]}')

    def _left(self, leaves):
        left = [name for name in self.new_files if not leaves or not re.search(leaves, name)]
        if left:
            raise Outcome('left', f'{self.words}: {left}')


class Place:
    """A user's folder with data, a config and weights, in which one kind is tried.

    The process works in it; ``data/`` holds ``train/``, ``val/``, ``panoptic_train/``,
    ``panoptic_val/`` and their JSONs, ``config.py`` trains and tests on it, and ``weights.pth``
    fits; see :mod:`user_folder`.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit_json(self, name: str, change: Callable) -> None:
        """Change the content of a JSON, in place or by returning another; NaN is written so."""
        content = json.loads(self.path(name).read_text())
        changed = change(content)
        self.path(name).write_text(json.dumps(content if changed is None else changed))

    def edit_config(self, text: str, name: str = 'config.py') -> None:
        """Append lines to a config."""
        with self.path(name).open('a') as config:
            config.write(f'\n{text}\n')

    def edit_weights(self, change: Callable, name: str = 'weights.pth') -> None:
        """Change the content of a checkpoint, in place or by returning another."""
        content = torch.load(self.path(name), weights_only=True)
        changed = change(content)
        torch.save(content if changed is None else changed, self.path(name))

    def edit_ids(self, name: str, change: Callable) -> None:
        """Change the ids (H, W) of a panoptic PNG, in place or by returning others."""
        blue, green, red = np.moveaxis(cv2.imread(str(self.path(name))).astype(np.int64), 2, 0)
        ids = red + 256 * green + 65536 * blue
        changed = change(ids)
        write_panoptic_png(self.path(name), ids if changed is None else changed)

    def command(self, *words, seconds=SECONDS, env=None, before=None, meanwhile=None) -> Result:
        """Run ``kmax-deeplab WORDS`` in a forked process and return how it ended.

        ``before`` is called in that process first, ``meanwhile`` in this one, with that process.
        No file that was there may change, or vanish.
        """
        words = tuple(map(str, words))
        known = self._contents()
        out, err = (self.folder.with_name(f'{name}.txt') for name in ('out', 'err'))
        for path in (out, err):
            path.write_text('')
        process = CONTEXT.Process(target=self._run, args=(words, out, err, env or {}, before))
        process.start()
        try:
            if meanwhile is not None:
                meanwhile(process)
            process.join(seconds)
        finally:
            was_alive = process.is_alive()
            if was_alive:
                os.killpg(process.pid, signal.SIGKILL)
                process.join()
        if was_alive:
            raise Outcome('hang', f'{words} ran for {seconds} s: {err.read_text()[-800:]}')
        self._unharmed(known, words)
        new = sorted(str(name) for name in self._contents().keys() - known.keys())
        return Result(words, process.exitcode, out.read_text(), err.read_text(), new)

    @contextmanager
    def raises(self, error: type[BaseException], message: str):
        """Run a block that must raise an error whose message matches and is the user's."""
        known = self._contents()
        try:
            yield
        except Exception as raised:
            if not isinstance(raised, error) or not re.search(message, errors.text_of(raised)):
                name = 'unclear' if errors.explain(raised) is not None else 'traceback'
                raise Outcome(name, traceback.format_exc()[-2000:]) from None
            self._unharmed(known, message)
        else:
            raise Outcome('silent', f'no error: {message}')

    def _contents(self):
        """Names of all files with what tells their contents."""
        found = {}
        for path in self.folder.rglob('*'):
            if path.is_symlink():
                found[path.relative_to(self.folder)] = os.readlink(path)
            elif path.is_file():
                with path.open('rb') as file:
                    content = hashlib.md5(file.read(2**24)).hexdigest()
                # One that is larger has holes.
                found[path.relative_to(self.folder)] = f'{content} {path.stat().st_size}'
        return found

    def _unharmed(self, known, what):
        now = self._contents()
        changed = sorted(str(name) for name, text in known.items() if now.get(name) != text)
        # What a run before this one wrote for itself may be written anew.
        changed = [
            name for name in changed if not re.search(r'work_dirs|\.(in_use|unfinished)$', name)
        ]
        if changed:
            raise Outcome('harmed', f'{what} changed {changed}')

    def _run(self, words, out, err, env, before):
        os.setsid()
        _print_to(out, err)
        os.environ.update(env)
        _forget_names()
        if before is not None:
            before()
        sys.exit(cli.main(words))


def _print_to(out, err=None):
    """Send what is printed to files, and read nothing."""
    for number, path in ((1, out), (2, err or out)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o644), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = os.fdopen(1, 'w', buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, 'w', buffering=1, errors='backslashreplace', closefd=False)


def _forget_names():
    """Loggers and visualizers of earlier runs write elsewhere; be as quiet as a new process."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    torch.set_num_threads(1)
    MMLogger._instance_dict.clear()
    Visualizer._instance_dict.clear()


def try_kind(tried: Kind, template: Path, folder: Path) -> Outcome:
    """Try a kind in a copy of the user's folder and return what came of it, ``clear`` at best."""
    folder.mkdir(parents=True)
    place = Place(make_folder(template, folder / 'user'))
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_try_here, args=(tried, place, sender))
    process.start()
    end = time.monotonic() + 5 * SECONDS
    while process.is_alive() and not receiver.poll(0.05) and time.monotonic() < end:
        pass
    if receiver.poll():
        outcome = Outcome(*receiver.recv())
        process.join()
    elif process.is_alive():
        outcome = Outcome('hang', f'{tried.name} ran for {5 * SECONDS} s')
    else:
        outcome = Outcome('traceback', f'the process ended with {process.exitcode}')
    if process.is_alive():
        process.kill()
    return outcome


def _try_here(tried, place, sender):
    os.chdir(place.folder)
    _print_to(place.folder.with_name('prints.txt'))
    _forget_names()
    try:
        tried.run(place)
        sender.send(('clear', ''))
    except Outcome as outcome:
        sender.send(outcome.args)
    except AssertionError:
        sender.send(('unclear', traceback.format_exc()[-2000:]))
    except BaseException:
        sender.send(('traceback', traceback.format_exc()[-2000:]))
