"""A font for the names of classes, whatever script they are written in."""

import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import ImageFont

HAS_MATPLOTLIB = find_spec('matplotlib') is not None
"""It is imported when names are written: it takes longer than all else of this package."""


def load_font(size: int, text: str = '') -> Any:
    """Load a font with the characters of a text, ``size`` pixels high.

    It is the DejaVu font that matplotlib ships where that suffices, else one of the system's. Where
    none has all of them, as on machines without Chinese, Japanese or Korean fonts, the best is
    taken, and a warning says so. Without matplotlib it is Pillow's own, which has Latin characters.
    """
    if not HAS_MATPLOTLIB:
        return ImageFont.load_default(size)
    return _load(_find_font(text), size)


@lru_cache(maxsize=32)
def _load(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=1024)
def _find_font(text: str) -> str:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / 'fonts' / 'ttf'
    best = str(folder / 'DejaVuSans.ttf')
    needed = {character for character in text if not character.isspace()}
    missing = needed - _characters(best)
    if not missing:
        return best
    for path in _system_fonts():
        lacking = needed - _characters(path)
        if len(lacking) < len(missing):
            best, missing = path, lacking
        if not missing:
            return best
    warnings.warn(
        f'no font on this machine has {"".join(sorted(missing))[:20]!r}, which names '
        'are drawn with as empty boxes: install a font that has, such as Noto Sans CJK '
        '(fonts-noto-cjk)',
        stacklevel=3,
    )
    return best


def _system_fonts() -> list[str]:
    # Imported when it is needed: matplotlib then looks through all fonts.
    from matplotlib.font_manager import findSystemFonts

    return sorted(findSystemFonts())


@lru_cache(maxsize=1024)
def _characters(path: str) -> frozenset[str]:
    """Return what a font can draw: nothing where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
