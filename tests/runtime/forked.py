"""The training tool in forked processes, which need not import everything again."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import torch
from helpers import free_port
from mmengine.logging import MMLogger

from kmax_deeplab import cli

HERE = Path(__file__).parent
CONTEXT = multiprocessing.get_context('fork')


class Training:
    """``tools/train.py`` on a config of this folder; its output goes to a file beside the folder.

    ``before`` is called in the process first; ``options`` are ``--cfg-options``, ``__`` for dots.
    """

    def __init__(
        self, folder, *words, config='toy_training_config.py', env=None, before=None, **options
    ):
        self.output_file = folder.with_name(f'{folder.name}_{time.monotonic_ns()}.txt')
        options = {'experiment_name': self.output_file.stem, **options}
        pairs = [f'{key.replace("__", ".")}={value}' for key, value in options.items()]
        argv = ['train.py', HERE / config, '--work-dir', folder, *words, '--cfg-options', *pairs]
        self.process = CONTEXT.Process(target=self._run, args=(argv, env or {}, before))
        self.process.start()

    def _run(self, argv, env, before):
        os.setsid()
        output = os.open(self.output_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = os.fdopen(1, 'w', buffering=1)
        sys.stderr = os.fdopen(2, 'w', buffering=1)
        os.environ.update(env)
        torch.set_num_threads(1)
        # Loggers of earlier tests write elsewhere.
        MMLogger._instance_dict.clear()
        if before is not None:
            before()
        sys.argv = [str(word) for word in argv]
        sys.exit(cli.run('train'))

    @property
    def output(self):
        return self.output_file.read_text() if self.output_file.exists() else ''

    def wait(self, seconds=240):
        """Return the exit code; the process must end within the time."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.kill()
            raise TimeoutError(f'still running after {seconds} s:\n{self.output[-3000:]}')
        return self.process.exitcode

    def wait_for(self, text, seconds=120):
        """Wait until the output has some text."""
        end = time.monotonic() + seconds
        while text not in self.output:
            if time.monotonic() > end or not self.process.is_alive():
                self.kill()
                raise TimeoutError(f'no {text!r} in:\n{self.output[-3000:]}')
            time.sleep(0.02)

    def kill(self):
        """Kill the process and its data workers."""
        if self.process.is_alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join(60)

    def children(self):
        pid = self.process.pid
        return [int(c) for c in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def start_one(folder, *words, **options):
    """Start a training by one process, in the form of the function below."""
    return [Training(folder, *words, **options)]


def start_two(folder, *words, **options):
    """Start two processes of one distributed training."""
    env = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port()), WORLD_SIZE='2')
    ranks = [dict(env, RANK=str(rank), LOCAL_RANK=str(rank)) for rank in range(2)]
    words = ('--launcher', 'pytorch', *words)
    return [Training(folder, *words, env=rank, **options) for rank in ranks]
