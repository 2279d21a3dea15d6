"""Reading JSON that others wrote."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from kmax_deeplab.local_files import check_regular

MAX_BYTES = 2**33
"""Bytes of the largest JSON that is read; as objects it takes several times the memory."""


def read_json(path: str | Path, described: str, backend_args: dict | None = None) -> Any:
    """Read a JSON in UTF-8, or in UTF-16 or UTF-32 as a byte order mark says.

    Raises:
        FileNotFoundError: When it does not exist; ``described`` names it.
        OSError: When it cannot be read.
        ValueError: When it is not valid JSON, or an object in it has a field twice.
    """
    from mmengine.fileio import get

    try:
        check_regular(path, MAX_BYTES)
        text = get(path, backend_args=backend_args)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{described} does not exist') from error
    except OSError as error:
        raise OSError(f'{described} cannot be read: {error}') from error
    try:
        content = json.loads(text)
        # Python would take the last one. To look at every object while it is read takes half as
        # long again.
        if _count_colons(text) != _count_fields(content):
            json.loads(text, object_pairs_hook=_refuse_repeated)
    except RecursionError as error:
        raise ValueError(f'{described} is not valid JSON: it is nested too deeply') from error
    except ValueError as error:
        raise ValueError(f'{described} is not valid JSON: {error}') from error
    return content


def _count_colons(text: bytes) -> int:
    return text.count(b'":') + text.count(b'" :')


def _count_fields(value: Any) -> int:
    """Count the fields of objects, but not of those in lists of lists."""
    if isinstance(value, dict):
        return len(value) + sum(_count_fields(v) for v in value.values() if type(v) in (dict, list))
    if isinstance(value, list):
        return sum(_count_fields(v) for v in value if type(v) is dict)
    return 0


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        shown = json.dumps(record)
        raise ValueError(f'the field "{name}" stands twice in one object, read as {shown[:200]}')
    return record
