"""The command ``kmax-deeplab``; torch is imported only once it is known what to do."""

import errno
import importlib
import io
import os
import re
import shlex
import sys
from argparse import ArgumentParser, HelpFormatter, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from difflib import get_close_matches
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn

from . import __version__, register
from .errors import one_line, report, speaks
from .namespace import COMMAND
from .needs import note_command

COMMANDS = {
    'train': 'train a model',
    'test': 'evaluate a checkpoint, or write its predictions for a test server',
    'models': 'list the published models, or download their weights',
    'convert': 'convert a released checkpoint',
    'predict': 'find the segments of images and videos',
    'export': 'write a model as one file that runs without torch',
    'preannotate': "write a model's segments for annotators to correct in Label Studio",
    'init': 'write a config for your own data',
    'import': 'write the labels of other formats in the panoptic one',
    'check': "look for faults in a config's data sets before training",
    'label': 'label images with a model, for training on them',
    'cost': 'count parameters and multiply-adds, or estimate the memory of a training',
    'benchmark': "measure a model's speed and memory, beside a peer's",
    'app': 'try a model out in the browser',
    'draw': 'draw what a model makes of images of the test set',
    'analyze': 'compare trainings by their curves, or evaluations by their reports',
    'curve': 'the same as analyze curves',
    'summarize': 'gather what the quickstart measured',
    'shapes': 'draw a procedural data set, to try everything out',
    'prepare-ade20k': 'prepare ADE20K from the official downloads',
    'prepare-cityscapes': 'prepare Cityscapes from the official downloads',
    'prepare-coco': 'prepare COCO from the official downloads',
    'prepare-unlabeled': 'list a folder of images without annotations in a JSON',
}

# What Python has a word of its own for is no name of a file to import.
_MODULES = {'import': 'import_labels'}


def module_of(name: str) -> str:
    """Return the module in which the ``main`` of a subcommand is."""
    return f'projects.kmax.commands.{_MODULES.get(name, name.replace("-", "_"))}'


EXAMPLES = f"""
{COMMAND} predict street.jpg --model kmax_r50_coco --out out   # downloads the model
{COMMAND} shapes data/shapes                                   # to try everything out
{COMMAND} train kmax_nano_shapes-panoptic                      # learns them in minutes
"""


class HelpText(RawDescriptionHelpFormatter):
    """Wraps a text of one line; of one of several, such as examples, each stands as written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        kind = RawDescriptionHelpFormatter if '\n' in text else HelpFormatter
        return kind._fill_text(self, text, width, indent)


class Parser(ArgumentParser):
    """Says in one line what is wrong with a command line; its help ends with examples.

    Args:
        examples: Command lines, one below the other, of the installed command or of a tool that
            only a clone has. The help of a tool calls that, by its path.
        settings: Those of ``ArgumentParser``.
    """

    def __init__(self, *, examples: str = '', **settings: Any) -> None:
        super().__init__(formatter_class=HelpText, **settings)
        lines = examples.strip()
        if self.prog.partition(' ')[0].endswith('.py'):
            tool = f'python {shlex.quote(sys.argv[0])}'
            own = rf'^({COMMAND} \S+|python \S+)'
            lines = re.sub(own, lambda _: tool, lines, flags=re.MULTILINE)
        if lines:
            block = 'examples:\n' + indent(lines, '  ')
            self.epilog = '\n\n'.join(filter(None, (self.epilog, block)))

    def error(self, message: str) -> NoReturn:
        line = f'{self.prog}: error: {one_line(message)}; see {self.prog} --help\n'
        self.exit(2, line if speaks() else None)


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the subcommand that the command line names.

    Args:
        argv: Its words; by default those of the process.

    Returns:
        The exit status; None for success.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    name = words[0] if words else '--'
    if name in COMMANDS:
        return run(name, words[1:], f'{COMMAND} {name}')
    if not name.startswith('-'):
        near = get_close_matches(name, COMMANDS)
        hint = f', did you mean {" or ".join(near)}?' if near else ''
        parser.error(f'there is no subcommand {name or "(empty)"}{hint}')
    parser.parse_args(words)
    parser.error('a subcommand is missing')


def make_parser() -> Parser:
    """Return the parser of what comes before a subcommand."""
    lines = [f'  {name:20}{text}' for name, text in COMMANDS.items()]
    parser = Parser(
        prog=COMMAND,
        usage=f'{COMMAND} [-h] [--version] SUBCOMMAND ...',
        description='kMaX-DeepLab for the OpenMMLab stack.\n\nsubcommands:\n' + '\n'.join(lines),
        epilog=f'{COMMAND} SUBCOMMAND --help lists the options of one, and shows how it is called.',
        examples=EXAMPLES,
    )
    parser.add_argument('--version', action='version', version=f'{COMMAND} {__version__}')
    return parser


def run(name: str, argv: Sequence[str] | None = None, prog: str | None = None) -> int | None:
    """Run one subcommand.

    An error is printed as one line, with its traceback if the option ``--traceback`` is given.

    Args:
        name: Its name.
        argv: Its options; by default those of the process.
        prog: How to call it in messages; by default as the process.

    Raises:
        SystemExit: If it fails: with status 2 for wrong use or bad input, 130 where Ctrl-C ends it,
            141 where nobody reads its output any more.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A file may have a name that is no text.
            stream.reconfigure(errors='backslashreplace')
    called = prog or Path(sys.argv[0]).name
    # Of a damaged image it says less than the line that names the file. Read by its first import.
    os.environ.setdefault('OPENCV_LOG_LEVEL', 'ERROR')
    words = sys.argv[1:] if argv is None else argv
    full = '--traceback' in words
    note_command(name, words)
    try:
        register()
        module = importlib.import_module(module_of(name))
        return module.main(argv, prog)
    except KeyboardInterrupt:
        if full:
            raise
        if speaks():
            print(f'{called}: error: interrupted', file=sys.stderr)
        _end(130)
    except SystemExit as stop:
        if isinstance(stop.code, int):
            _end(stop.code)
        raise
    except Exception as error:
        if isinstance(error, OSError) and _nobody_reads(error):
            _end(141)
        _end(report(error, called, full))


def _nobody_reads(error: OSError) -> bool:
    """Tell whether what read the output has ended, as head does; then nothing more is written.

    Where the output cannot be written for another reason, the error gets its name.
    """
    if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO) or error.filename is not None:
        return False
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            os.write(stream.fileno(), b'\n')
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            return True
        except OSError as fault:
            if fault.errno == error.errno:
                error.filename = 'standard output'
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            break
    return False


def _end(status: int) -> NoReturn:
    torch = sys.modules.get('torch')
    if (
        torch is not None
        and torch.distributed.is_available()
        and torch.distributed.is_initialized()
    ):
        # The threads of a distributed run would abort a process that ends as usual.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)


def commands_with(option: str) -> Iterator[str]:
    """Yield the subcommands that have an option."""
    for name in COMMANDS:
        with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
            run(name, ['--help'], name)
        if re.search(rf'^ +(-.*, )?{re.escape(option)}\b(?!-)', text.getvalue(), re.MULTILINE):
            yield name
