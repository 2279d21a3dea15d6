"""HTML pages that need no other file: what the reports have in common."""

import base64
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import DictLoader, Environment
from matplotlib.figure import Figure

GENERATOR = '<meta name="generator" content="kmax-deeplab">'
"""In every page, so that one of others is not taken for one of ours."""

PAGE = (
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{% block title %}{% endblock %}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
"""
    + GENERATOR
    + """
<style>
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --soft: #666; --line: #ccc;
  --hover: #f5f5f5; --good: #e6f4ea; --warn: #fff4df; --bad: #fde7e9; --alarm: #b00020 }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --soft: #999;
  --line: #444; --hover: #262626; --good: #1d3325; --warn: #40351d; --bad: #45222a;
  --alarm: #ff8095 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1120px; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em }
img { max-width: 100%; height: auto; background: #fff } figure { margin: 0 }
figcaption, .note { color: var(--soft); font-size: .9em }
.scroll { overflow-x: auto } table { border-collapse: collapse }
td, th { padding: .15em .8em .15em 0; text-align: left; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr:hover td { background: var(--hover) } th { border-bottom: 1px solid var(--line) }
.zero { color: var(--alarm); font-weight: 600 }
.verdict { padding: .6em 1em; border-radius: 6px; background: var(--good) }
.verdict.warn { background: var(--warn) } .verdict.bad { background: var(--bad) }
.badge { font-size: .8em; padding: .1em .5em; border-radius: 4px; background: var(--warn) }
.swatch { display: inline-block; width: .9em; height: .9em; border-radius: 2px;
  margin-right: .4em; vertical-align: -.05em }
.grid { display: grid; gap: 1em;
  grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)) }
li, code { overflow-wrap: anywhere } summary { cursor: pointer }
{% block style %}{% endblock %}
</style></head><body>
{% block body %}{% endblock %}
</body></html>
"""
)
QUALITY = 88
HEAD_BYTES = 1000


def render(template: str, **values: Any) -> bytes:
    """Fill a Jinja template that extends ``page``, of blocks ``title``, ``style`` and ``body``.

    Values are escaped.
    """
    environment = Environment(autoescape=True, loader=DictLoader(dict(page=PAGE)))
    html = environment.from_string(template).render(embed=embed, **values)
    return html.encode(errors='backslashreplace')


def refuse_page_of_others(path: Path) -> None:
    """Raise a FileExistsError if there is a file that no command of ours has written."""
    if path.is_file() and GENERATOR.encode() not in path.read_bytes()[:HEAD_BYTES]:
        raise FileExistsError(f'{path} is there, and not written by kmax-deeplab: give another')


def embed(content: bytes, kind: str) -> str:
    """Return the source of an image element that holds a picture of a kind, as ``'png'``."""
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode an ``(H, W, 3)`` uint8 RGB image."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def encode_figure(figure: Figure) -> bytes:
    """Return a figure of matplotlib as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    return buffer.getvalue()
