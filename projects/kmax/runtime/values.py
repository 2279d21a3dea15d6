"""Checks of the values of settings, where they are read."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any


def check_number(
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    whole: bool = False,
    above: float | None = None,
    never: float | None = None,
) -> None:
    """Raise a ValueError that names a setting unless it is a finite number in a range.

    Args:
        name: The setting, for the message.
        value: Its value.
        least: Least number that is one.
        most: Largest number that is one.
        whole: Whether only whole numbers are.
        above: A number that is too small itself.
        never: A number that is taken beside the range, and stands for never or none.
    """
    kind = Integral if whole else Real
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    lower = float('-inf') if least is None else least
    upper = float('inf') if most is None else most
    if is_number and never is not None and value == never:
        return
    # NaN lies in no range, infinity is no number of anything.
    in_range = is_number and lower <= value <= upper and abs(value) != float('inf')
    if in_range and (above is None or value > above):
        return
    wanted = 'a whole number' if whole else 'a number'
    if least is not None:
        wanted += f', at least {least}' if most is None else f' from {least} to {most}'
    if above is not None:
        wanted += f' above {above}' + ('' if most is None else f', at most {most}')
    if never is not None:
        wanted += f', or {never} for never'
    raise ValueError(f'{name} is {value!r}, but must be {wanted}')


def check_counts(owner: str, least: int = 1, **counts: Any) -> None:
    """Raise a ValueError unless settings of a class are whole numbers, or lists of such.

    Args:
        owner: The class, for the message.
        least: Least number that each may be.
        **counts: The settings by their names.
    """
    for name, count in counts.items():
        for number in count if isinstance(count, (list, tuple)) else [count]:
            check_number(f'{owner}.{name}', number, least, whole=True)


def check_list(name: str, value: Any) -> None:
    """Raise a ValueError that names a setting unless it is a list of some values."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not len(value):
        raise ValueError(f'{name} is {value!r}, but must be a list, with one value at least')


def check_size(name: str, size: Any) -> None:
    """Raise a ValueError that names a setting unless it is ``(height, width)``, 1 at least."""
    is_pair = isinstance(size, Sequence) and not isinstance(size, str) and len(size) == 2
    if not is_pair:
        raise ValueError(f'{name} is {size!r}, but must be two numbers, (height, width)')
    for side, length in zip(('height', 'width'), size, strict=True):
        check_number(f'the {side} of {name}', length, 1, whole=True)


def check_range(name: str, ends: Any) -> None:
    """Raise a ValueError that names a setting unless it is two positive numbers in order."""
    is_pair = isinstance(ends, Sequence) and not isinstance(ends, str) and len(ends) == 2
    if not is_pair:
        raise ValueError(f'{name} is {ends!r}, but must be two numbers, smallest and largest')
    for end in ends:
        check_number(name, end, 0)
    if not 0 < ends[0] <= ends[1]:
        raise ValueError(f'{name} is {tuple(ends)}, but must rise from above 0')
