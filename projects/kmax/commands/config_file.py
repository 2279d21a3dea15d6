"""Reads a config file, or says where in which file it is wrong."""

import tempfile
from pathlib import Path
from typing import Any

from mmengine.config import Config

from kmax_deeplab.errors import text_of

from ..engine.settings import check_settings


def read_config_file(path: str) -> Config:
    """Read a config.

    Raises:
        ValueError: If it, or a file that it is based on, cannot be read; names file and line.
    """
    try:
        cfg = Config.fromfile(path)
    except SystemExit:
        raise ValueError(f'config {path} ends the program, where it should set values') from None
    except RecursionError:
        raise ValueError(f'config {path}: its _base_ leads back to a file that began it') from None
    # A config is code, which raises anything.
    except Exception as error:
        raise ValueError(f'config {_place(error, path)}: {_reason(error)}') from error
    if not cfg:
        raise ValueError(f'config {path} is empty: it sets nothing')
    return cfg


def read_checked_file(path: str) -> Config:
    """Read a config as :func:`read_config_file` does, and check its settings."""
    cfg = read_config_file(path)
    check_settings(cfg)
    return cfg


def require(cfg: Config, *names: str) -> None:
    """Raise a KeyError that names the first of some settings that a config lacks, or that is None.

    Of one whose name ends in a question mark it is only asked that it is not empty.
    """
    for name in names:
        value: Any = cfg
        for key in name.removesuffix('?').split('.'):
            value = value.get(key) if isinstance(value, (dict, Config)) else None
        if value is None and name.endswith('?'):
            continue
        if value is None or isinstance(value, (list, dict)) and not value:
            raise KeyError(
                f'config {cfg.filename} {"lacks" if value is None else "has nothing in"} '
                f'{name.removesuffix("?")}, which this command needs'
            )


def override(cfg: Config, options: dict[str, Any]) -> None:
    """Set settings of a config by their names with dots.

    Raises:
        ValueError: If a name leads nowhere: into a number or a text, or beyond the end of a list.
    """
    for name, value in options.items():
        try:
            cfg.merge_from_dict({name: value})
        except (KeyError, TypeError) as error:
            reason = _broken_path(cfg, name) or text_of(error)
            raise ValueError(f'--cfg-options {name}: {reason}') from error


def _broken_path(cfg: Config, name: str) -> str | None:
    """Say at which part of a name it leads nowhere."""
    part, path = cfg, ''
    for key in name.split('.'):
        if isinstance(part, (list, tuple)):
            if not key.isdigit() or int(key) >= len(part):
                return f'{path} is a list of {len(part)}: give a number below that, not {key}'
            part = part[int(key)]
        elif not isinstance(part, (dict, Config)):
            return f'{path} is {part!r}, which holds no {key}'
        elif key not in part:
            return None
        else:
            part = part[key]
        path = f'{path}.{key}'.lstrip('.')
    return None


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
    if isinstance(error, OSError) and error.filename is None and error.strerror:
        # mmengine reads a copy.
        return f'{error.strerror} in {tempfile.gettempdir()}, where it is copied to be read'
    if isinstance(error, OSError):
        return text_of(error)
    known = isinstance(error, (ValueError, ImportError))
    return text_of(error) if known else f'{type(error).__name__}: {text_of(error)}'
