"""The network as a diagram, whose numbers are read off its modules."""

from pathlib import Path
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.config import Config

from .canvas import Picture
from .plates import Plate

SIZE = 1120, 640
ROWS, HEIGHT, LAST = (92, 202, 312, 422), 72, 544
"""Top of the row of each stride, from 32 to 4, of all of which this is the height; last row."""
BACKBONE, PIXELS, LAYERS, OUT = (16, 138), (202, 216), (470, 340), (874, 230)
"""Left side and width of each column."""
BLUE, ORANGE, GREEN, PALE = '#dbe8f6', '#fde5c8', '#d9efdc', '#f4f4f4'
KINDS = dict(AxialBlock='axial', BottleneckBlock='bottleneck')


def build_head(config: Path) -> Any:
    """Build the panoptic head of a config without memory."""
    with torch.device('meta'):
        return MODELS.build(Config.fromfile(config).model.panoptic_head)


def draw_decoder(head: Any) -> Picture:
    """Draw backbone, pixel decoder, transformer decoder and which of them reads what."""
    plate = Plate(*SIZE)
    decoder = head.transformer_decoder
    centres = f'{decoder.num_queries} centres of {decoder.embed_dims}'
    heads = (
        (BACKBONE, 'Backbone', 'stride, channels'),
        (PIXELS, 'Pixel decoder', 'pixel features, refined'),
        (LAYERS, 'Transformer decoder', f'{centres}, layer by layer'),
        (OUT, 'Predictions', 'masks and classes'),
    )
    for (left, _), title, said in heads:
        plate.write(left, 10, title, bold=True)
        plate.write(left, 36, said, grey=True)
    _draw_pixels(plate, head.pixel_decoder)
    _draw_layers(plate, decoder)
    _draw_ends(plate, head, decoder)
    return plate.picture()


def _draw_pixels(plate: Plate, decoder: Any) -> None:
    """Backbone features, finest at the bottom, and the stages that read them from the top."""
    strides = [32 >> stage for stage in range(len(ROWS))]
    for stage, (top, stride) in enumerate(zip(ROWS, strides, strict=True)):
        width = decoder.norms[stage].normalized_shape[0]
        _fill(plate, BACKBONE, top, f'stride {stride}\n{width}', BLUE)
        blocks, out = decoder.stages[stage], decoder.out_channels[stage]
        kind = KINDS[type(blocks[0]).__name__]
        said = f'{len(blocks)} {kind} block' + 's' * (len(blocks) > 1)
        _fill(plate, PIXELS, top, f'{said}\n{out // 4} wide, {out} out', ORANGE)
        _across(plate, BACKBONE, PIXELS, top)
        if stage:
            _down(plate, _middle(BACKBONE), top, upwards=True)
            _down(plate, _middle(PIXELS), top)


def _draw_layers(plate: Plate, decoder: Any) -> None:
    """The layers in the row of the pixel features that they read, and the final predictor."""
    before = None
    for row, top in enumerate(ROWS[:-1]):
        layers = [n for n, stage in enumerate(decoder.stage_of_layer, start=1) if stage == row]
        if not layers:
            continue
        width = (LAYERS[1] - 16 * (len(layers) - 1)) / len(layers)
        _across(plate, PIXELS, LAYERS, top)
        for place, number in enumerate(layers):
            left = LAYERS[0] + place * (width + 16)
            _fill(plate, (left, width), top, f'layer {number}', GREEN)
            if place:
                plate.arrow((left - 16, top + HEIGHT / 2), (left, top + HEIGHT / 2))
            elif before is not None:
                plate.arrow(before, (left + width / 2, top))
        before = (left + width / 2, top + HEIGHT)
    top = ROWS[-1]
    _across(plate, PIXELS, LAYERS, top)
    _fill(plate, LAYERS, top, 'final predictor', GREEN)
    plate.arrow(before, (before[0], top))
    plate.box(LAYERS[0], LAST, LAYERS[1], HEIGHT, fill='white', line='#cfcfcf')
    plate.write(LAYERS[0] + 12, LAST + 10, 'each layer: k-means cross-attention,')
    plate.write(LAYERS[0] + 12, LAST + 36, 'self-attention, feed-forward')


def _draw_ends(plate: Plate, head: Any, decoder: Any) -> None:
    """What goes in at the bottom left and comes out on the right; dashed is training alone."""
    count, classes = decoder.num_queries, head.num_classes
    tall = ROWS[2] + HEIGHT - ROWS[0]
    plate.box(OUT[0], ROWS[0], OUT[1], tall, fill=PALE, dashed=True)
    said = f'{len(decoder.layers)} auxiliary\npredictions,\none of each layer\n\nin training alone'
    plate.write(OUT[0] + OUT[1] / 2, ROWS[0] + tall / 2, said, centred=True)
    for top in ROWS[:-1]:
        _across(plate, LAYERS, OUT, top, dashed=True)
    _fill(plate, OUT, ROWS[-1], f'classes {count} × ({classes} + 1)\nmasks {count} × h × w', GREEN)
    _across(plate, LAYERS, OUT, ROWS[-1])
    _fill(plate, OUT, LAST, 'post-processing:\npanoptic map', PALE)
    _down(plate, _middle(OUT), LAST)
    _fill(plate, BACKBONE, LAST, 'image', PALE)
    _down(plate, _middle(BACKBONE), LAST, upwards=True)
    if head.semantic_decoder is not None:
        _fill(plate, PIXELS, LAST, 'semantic decoder,\nin training alone', PALE, dashed=True)
        corner = (BACKBONE[0] + BACKBONE[1], ROWS[-1] + HEIGHT - 8)
        plate.arrow(corner, (PIXELS[0] + 24, LAST), dashed=True)


def _fill(
    plate: Plate,
    column: tuple[float, float],
    top: float,
    text: str,
    fill: str,
    dashed: bool = False,
) -> None:
    left, width = column
    plate.box(left, top, width, HEIGHT, fill=fill, dashed=dashed)
    plate.write(left + width / 2, top + HEIGHT / 2, text, centred=True)


def _middle(column: tuple[float, float]) -> float:
    return column[0] + column[1] / 2


def _across(
    plate: Plate,
    column: tuple[float, float],
    following: tuple[float, float],
    top: float,
    dashed: bool = False,
) -> None:
    level = top + HEIGHT / 2
    plate.arrow((sum(column), level), (following[0], level), dashed=dashed)


def _down(plate: Plate, middle: float, top: float, upwards: bool = False) -> None:
    above = max(row for row in ROWS if row < top) + HEIGHT
    ends = (middle, above), (middle, top)
    plate.arrow(*(ends[::-1] if upwards else ends))
