"""Several captioned pictures on one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .fonts import load_font

GAP = 12
BACKGROUND = (255, 255, 255)
INK = (30, 30, 30)
DETAIL_INK = (110, 110, 110)


@dataclass
class Panel:
    """A picture, ``(H, W, 3)`` uint8 RGB, with a title and a remark beside it."""

    image: np.ndarray
    title: str
    detail: str = ''


def compose_sheet(
    panels: Sequence[Panel],
    columns: int = 3,
    text_size: int | None = None,
    is_stacked: bool = False,
) -> np.ndarray:
    """Set panels of one size in rows, each below its caption, as an RGB image ``(H, W, 3)``.

    Args:
        panels: What is set.
        columns: How many stand side by side.
        text_size: Of the captions in pixels; by default in proportion to the panels.
        is_stacked: Whether remarks stand below the titles instead of beside them.
    """
    height, width = panels[0].image.shape[:2]
    texts = [text for panel in panels for text in (panel.title, panel.detail)]
    font = load_font(text_size or max(12, round(width / 26)), ' '.join(texts))
    line = sum(font.getmetrics())
    caption = round(1.5 * line) + is_stacked * line
    rows = -(-len(panels) // columns)
    columns = min(columns, len(panels))
    size = (columns * (width + GAP) + GAP, rows * (height + caption) + GAP)
    sheet = Image.new('RGB', size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, panel in enumerate(panels):
        left = GAP + index % columns * (width + GAP)
        top = index // columns * (height + caption)
        middle = top + caption // 2 - is_stacked * line // 2
        draw.text((left, middle), panel.title, font=font, fill=INK, anchor='lm')
        offset = draw.textlength(panel.title + '  ', font=font)
        detail = (left, middle + line) if is_stacked else (left + offset, middle)
        draw.text(detail, panel.detail, font=font, fill=DETAIL_INK, anchor='lm')
        sheet.paste(Image.fromarray(panel.image), (left, top + caption))
    return np.asarray(sheet)


def fit(image: np.ndarray, longer_side: int) -> np.ndarray:
    """Scale an image so that its longer side has the given number of pixels."""
    scale = longer_side / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=method)
