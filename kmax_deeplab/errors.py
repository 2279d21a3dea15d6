"""What a command says of an error: one line where the user can mend it, all of it where not."""

import builtins
import dis
import os
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType

OF_PROGRAM = (AttributeError, NameError, IndexError, RecursionError)
"""Kinds that say nothing of an input, even where code raises them in so many words."""

ALWAYS_OF_USERS = (OSError, ImportError, MemoryError, SyntaxError, UnicodeError)
"""Kinds that come of files, packages and the machine, whoever raises them."""

DEAD_WORKER = 'DataLoader worker (pid'

OF_THE_MACHINE = re.compile(
    r'DataLoader worker|out of memory|allocate memory|address already in use|'
    r'Connection (?:closed|reset|refused)|pair\.cc|NCCL|TCPStore',
    re.IGNORECASE,
)
REMOTE = re.compile(r'^Caught \w+ in .*\.\nOriginal Traceback', re.MULTILINE)
LAST_LINE = re.compile(r'^((?:\w+\.)*\w+)(?:: |\n|\Z)', re.MULTILINE)


def report(error: Exception, prog: str, full: bool = False) -> int:
    """Print what ended a command on stderr and return its exit status.

    It is one line, unless the error is a fault of the program or ``full`` asks for more. Of the
    processes of a distributed run only the first to fail prints.

    Args:
        error: The error.
        prog: How the command is called.
        full: Whether to print its traceback in any case.
    """
    message = explain(error)
    if not speaks():
        return 1 if message is None else 2
    if full or message is None:
        traceback.print_exception(error)
    if message is None:
        message = f'{type(error).__name__} is a fault of the program: please report the lines above'
        print(f'{prog}: error: {message}', file=sys.stderr)
        return 1
    print(f'{prog}: error: {one_line(message)}', file=sys.stderr)
    return 2


def explain(error: BaseException) -> str | None:
    """Say what is wrong with what the user gave; None if it looks like a fault of the program."""
    text = text_of(error)
    # Raised by a signal's handler in the middle of code that then says something else.
    before = error.__context__
    while before is not None:
        if DEAD_WORKER in str(before):
            return str(before)
        before = before.__context__
    if REMOTE.search(text):
        return _explain_remote(text)
    is_memory = isinstance(error, MemoryError) or type(error).__name__ == 'OutOfMemoryError'
    if is_memory or 'allocate memory' in text:
        return f'out of memory: {text.partition(chr(10))[0]}'.removesuffix(': MemoryError')
    cause = error.__cause__
    if type(cause).__name__ in ('_RemoteTraceback', 'RemoteTraceback'):
        return text if _explain_remote(str(cause).strip('\n"')) is not None else None
    of_users = (
        isinstance(error, ALWAYS_OF_USERS)
        or bool(OF_THE_MACHINE.search(text))
        # An assertion without words says nothing to a user.
        or (
            bool(str(error))
            and not isinstance(error, OF_PROGRAM)
            and _was_said(error.__traceback__)
        )
    )
    return text if of_users else None


def text_of(error: BaseException) -> str:
    """Return an error's message: a KeyError's without quotes, a file's with its name first."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        return str(error.args[0])
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        names = [name for name in (error.filename, error.filename2) if name is not None]
        return f'{" -> ".join(map(os.fsdecode, names))}: {error.strerror}'
    return str(error) or type(error).__name__


def one_line(message: str) -> str:
    """Join the lines of a message."""
    return re.sub(r'\s*[\n\r]\s*', ' ', message.strip())


def speaks() -> bool:
    """Tell whether this process may print an error: the first to ask of those of torchrun."""
    place = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if not place:
        return True
    try:
        # The folder of this start of all processes, which torchrun removes.
        os.close(os.open(Path(place).parents[1] / 'failed', os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def _was_said(trace: TracebackType | None) -> bool:
    """Tell whether a ``raise`` ended the code, or a call of a class with settings of a config."""
    if trace is None:
        return True
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    if code.co_filename.endswith(os.path.join('mmengine', 'registry', 'build_functions.py')):
        return True
    return dis.opname[code.co_code[trace.tb_lasti]] == 'RAISE_VARARGS'


def _explain_remote(text: str) -> str | None:
    """Say what is wrong by the text of a traceback in another process, as explain does."""
    _, _, last = text.rpartition('Traceback (most recent call last):\n')
    *_, frame = re.split(r'^  File ', last, flags=re.MULTILINE)
    source = frame.partition('\n')[2]
    found = LAST_LINE.search(source)
    if found is None:
        return text
    name, message = found[1].rpartition('.')[2], source[found.end() :].strip()
    kind = getattr(builtins, name, Exception)
    said = source.lstrip().startswith(('raise ', 'assert '))
    if not issubclass(kind, ALWAYS_OF_USERS) and (issubclass(kind, OF_PROGRAM) or not said):
        return None
    if name == 'KeyError':
        message = _without_quotes(message)
    return message or name


def _without_quotes(message: str) -> str:
    quoted = len(message) > 1 and message[0] == message[-1] and message[0] in '\'"'
    return message[1:-1] if quoted else message
