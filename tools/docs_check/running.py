"""Run documented commands as a reader would, in a folder that has what the pages assume."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import glob
from itertools import groupby
from pathlib import Path

from .plans import Plan
from .provisions import provide, provide_weights
from .words import ROOT

LIMIT = 600
"""Seconds that a command may take."""

PORT = 29500
"""Where processes of the first block meet; of the next one a port further."""

PROGRAMS = {
    'python': 'exec {python} "$@"',
    'kmax-deeplab': (
        'exec {python} -c \'import sys; sys.path.insert(0, "{root}"); '
        'from kmax_deeplab.cli import main; sys.exit(main())\' "$@"'
    ),
}
"""Scripts for this interpreter and for the command of this clone, whether installed or not."""

ENVIRONMENT = {
    'MPLBACKEND': 'Agg',
    'OMP_NUM_THREADS': '1',
    'NUM_TRAIN': '16',
    'NUM_VAL': '4',
    'KMAX_MIRROR': 'http://127.0.0.1:9',  # Nothing is downloaded: to try ends at once.
}


@dataclass(frozen=True)
class Ran:
    """How a command ended: after how many seconds, and what is wrong, in one line, if anything."""

    plan: Plan
    seconds: float
    fault: str | None


class FailedError(Exception):
    """A command that has to work for others to be run."""


class Reader:
    """Runs commands in folders that have what the pages assume; a context that removes them."""

    def __init__(self) -> None:
        self._held = tempfile.TemporaryDirectory(prefix='docs-')
        self._folder = Path(self._held.name)
        self._provided = self._folder / 'provided'
        self._one_port = threading.Lock()
        programs = self._folder / 'bin'
        programs.mkdir()
        for name, script in PROGRAMS.items():
            text = script.format(python=sys.executable, root=ROOT)
            (programs / name).write_text(f'#!/bin/sh\n{text}\n')
            (programs / name).chmod(0o755)
        home = self._folder / 'torch'
        path = os.pathsep.join([str(programs), *os.get_exec_path()])
        self._environment = os.environ | ENVIRONMENT | dict(PATH=path, TORCH_HOME=str(home))

    def __enter__(self) -> 'Reader':
        return self

    def __exit__(self, *args: object) -> None:
        self._held.cleanup()

    def run(self, plans: Sequence[Plan], workers: int) -> Iterator[Ran]:
        """Run those that are to be run: each block in a folder of its own, which has all at first.

        Args:
            plans: What becomes of the commands, in their order.
            workers: How many blocks are run at once.

        Raises:
            FailedError: If what the commands need cannot be made.
        """
        todo = [plan for plan in plans if plan.words]
        blocks = [list(block) for _, block in groupby(todo, lambda plan: plan.command.block)]
        if not blocks:
            return
        provide_weights(self._folder / 'torch', 'kmax_r50_coco')
        provide(self._provided, ROOT, lambda *words: self._insist(words, self._provided))
        with ThreadPoolExecutor(workers) as pool:
            for ran in pool.map(self._run_block, range(len(blocks)), blocks):
                yield from ran

    def _run_block(self, number: int, block: Sequence[Plan]) -> list[Ran]:
        folder = self._folder / f'block{number}'
        shutil.copytree(self._provided, folder, symlinks=True)
        found = []
        for plan in block:
            began = time.monotonic()
            fault = self._try(plan, folder, PORT=str(PORT + number))
            found.append(Ran(plan, time.monotonic() - began, fault))
        shutil.rmtree(folder)
        return found

    def _insist(self, words: Sequence[str], folder: Path) -> None:
        if fault := self._call(words, folder):
            raise FailedError(f'{" ".join(words)} {fault}')

    def _try(self, plan: Plan, folder: Path, **settings: str) -> str | None:
        if plan.made is not None:
            made = folder / plan.made
            shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)
        # Files that a pattern of the shell names; what names none stays as it is.
        words = [path for word in plan.words for path in _files(word, folder) or [word]]
        if not plan.serves:
            return self._call(words, folder, **settings)
        with self._one_port:
            return self._call(words, folder, until=r'http://\S+:\d+')

    def _call(
        self, words: Sequence[str], folder: Path, until: str | None = None, **settings: str
    ) -> str | None:
        """Run to the end, or until a text appears; tell what is wrong.

        The output goes to a file: nobody has to read it for the command to go on.
        """
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=self._environment | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

            def printed() -> str:
                # To seek would move the place at which the command goes on writing.
                content = os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0)
                return content.decode(errors='replace')

            ends = time.monotonic() + LIMIT
            while process.poll() is None:
                if until is not None and re.search(until, printed()):
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait(LIMIT)
                    return None
                if time.monotonic() > ends:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    return f'has not ended within {LIMIT} s'
                time.sleep(0.05)
            if process.returncode == 0 and until is None:
                return None
            last = printed().strip().rpartition('\n')[2]
            return f'ends with {process.returncode}: {last or "(nothing printed)"}'


def _files(pattern: str, folder: Path) -> list[str]:
    return sorted(glob(pattern, root_dir=folder)) if '*' in pattern else []
