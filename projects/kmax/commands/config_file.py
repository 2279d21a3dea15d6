"""Reads a config file, or says where in which file it is wrong."""

from pathlib import Path

from mmengine.config import Config

from kmax_deeplab.errors import text_of


def read_config_file(path: str) -> Config:
    """Read a config.

    Raises:
        ValueError: If it, or a file that it is based on, cannot be read; names file and line.
    """
    try:
        cfg = Config.fromfile(path)
    except RecursionError:
        raise ValueError(f'config {path}: its _base_ leads back to a file that began it') from None
    # A config is code, which raises anything.
    except Exception as error:
        raise ValueError(f'config {_place(error, path)}: {_reason(error)}') from error
    if not cfg:
        raise ValueError(f'config {path} is empty: it sets nothing')
    return cfg


def check_parts(config: Config, path: str, *names: str) -> None:
    """Raise a ValueError that names the first part which a config lacks."""
    lacking = next((name for name in names if not isinstance(config.get(name), dict)), None)
    if lacking is not None:
        raise ValueError(f'config {path} has no {lacking}: give the config of a whole model')


def _place(error: Exception, path: str) -> str:
    """Return the file, and the line if known, in which reading a config stopped."""
    given, line = path, None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name in ('_file2dict', 'fromfile', '_parse_lazy_import'):
            path, line = str(frame.f_locals.get('filename', path)), None
        # mmengine compiles old configs without a name, new ones with that of the file.
        elif frame.f_code.co_filename in ('', '<string>', path):
            line = trace.tb_lineno
        trace = trace.tb_next
    cause = error.__context__ if isinstance(error, SyntaxError) and not error.lineno else error
    if isinstance(cause, SyntaxError):
        line = cause.lineno
    if isinstance(error, OSError) or Path(path).resolve() == Path(given).resolve():
        path = given
    return path if line is None else f'{path}, line {line}'


def _reason(error: Exception) -> str:
    cause = error.__context__
    if isinstance(error, SyntaxError) and isinstance(cause, SyntaxError):
        error = cause
    if isinstance(error, SyntaxError):
        text = error.msg
        if 'U+FEFF' in text:
            text = 'it begins with a byte order mark: save it as UTF-8 without one'
        return text
    if isinstance(error, UnicodeError):
        return f'it is not UTF-8, save it as such ({error})'
    if isinstance(error, OSError):
        return text_of(error)
    known = isinstance(error, (ValueError, ImportError))
    return text_of(error) if known else f'{type(error).__name__}: {text_of(error)}'
