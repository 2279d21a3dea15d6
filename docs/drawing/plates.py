"""Figures that are more than panels in rows, drawn by matplotlib and measured in pixels."""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from .canvas import Picture

DPI = 100
POINTS = 72 / DPI
INK, GREY, LINE = '#1e1e1e', '#606060', '#8a8a8a'
TEXT = 16.5


class Plate:
    """A white page of so many pixels; places are counted from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor='white')
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.axis('off')

    def show(self, left: float, top: float, picture: NDArray[Any]) -> None:
        """Set a picture, RGB ``(H, W, 3)``, pixel by pixel."""
        height, width = picture.shape[:2]
        extent = (left, left + width, top + height, top)
        self.axes.imshow(picture, extent=extent, interpolation='nearest', aspect='auto')
        self._keep_limits()

    def strip(
        self, left: float, top: float, width: float, height: float, values: NDArray[Any]
    ) -> None:
        """Draw the numbers of a vector as a strip, from black by grey, which is 0, to white."""
        most = max(float(np.abs(values).max()), 1e-9)
        extent = (left, left + width, top + height, top)
        self.axes.imshow(
            values[None],
            extent=extent,
            cmap='gray',
            vmin=-most,
            vmax=most,
            aspect='auto',
            interpolation='nearest',
        )
        self._keep_limits()

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Write text, ``bold``, ``grey``, or ``centred`` around its place."""
        size = style.get('size', TEXT + 3 * style.get('bold', False))
        lines = text.split('\n')
        leading = 1.25 * size
        # By baselines: matplotlib would space lines by what letters are in them.
        first = top + size
        if style.get('centred'):
            first = top + 0.36 * size - leading * (len(lines) - 1) / 2
        for number, line in enumerate(lines):
            self.axes.text(
                left,
                first + number * leading,
                line,
                size=size * POINTS,
                color=GREY if style.get('grey') else style.get('color', INK),
                weight='bold' if style.get('bold') else 'normal',
                ha='center' if style.get('centred') else 'left',
                va='baseline',
            )

    def tag(self, left: float, top: float, letter: str, color: Any) -> None:
        """Write a letter on a square of a colour."""
        # White on dark colours, black on light ones.
        ink = 'white' if np.dot(color, (0.3, 0.59, 0.11)) < 150 else INK
        self.box(left, top, 26, 26, fill=tuple(np.array(color) / 255), line='white', radius=4)
        self.write(left + 13, top + 13, letter, bold=True, color=ink, centred=True, size=17)

    def box(self, left: float, top: float, width: float, height: float, **style: Any) -> None:
        """Draw a rounded box with a ``fill``, a ``line``, a ``radius``; ``dashed`` or not."""
        self.axes.add_patch(
            FancyBboxPatch(
                (left, top),
                width,
                height,
                boxstyle=f'round,pad=0,rounding_size={style.get("radius", 8)}',
                facecolor=style.get('fill', 'white'),
                edgecolor=style.get('line', LINE),
                linestyle='--' if style.get('dashed') else '-',
                linewidth=1.4,
            )
        )

    def arrow(self, start: tuple[float, float], end: tuple[float, float], **style: Any) -> None:
        """Draw an arrow between two places."""
        self.axes.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle='-|>',
                mutation_scale=14,
                shrinkA=0,
                shrinkB=0,
                color=style.get('color', LINE),
                linewidth=1.6,
                linestyle='--' if style.get('dashed') else '-',
                connectionstyle=style.get('way', 'arc3'),
            )
        )

    def picture(self) -> Picture:
        """Return the page, RGB ``(H, W, 3)``."""
        self.figure.canvas.draw()
        return np.asarray(self.figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]

    def _keep_limits(self) -> None:
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0))
