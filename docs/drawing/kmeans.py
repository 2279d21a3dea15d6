"""k-means cross-attention, step by step, of one decoder layer."""

import numpy as np
from numpy.typing import NDArray

from .canvas import Picture, backdrop, enlarge, heat, paint, stretch
from .layers import draw_assignment, stride_of
from .plates import Plate
from .study import Look, Step

SIZE = 1120, 800
LEFT, TOP = (20, 328, 618, 892), (134, 350, 566)
"""Pixels at which columns and rows begin."""
SIDE = 208
LETTERS = 'ABC'
HEADS = (
    ('1  Project', 'pixels and centres\nto one space'),
    ('2  Compare', 'affinity of each pixel\nto each centre'),
    ('3  Assign', 'each pixel to its\nnearest centre'),
    ('4  Update', 'each centre gets the sum\nof its pixels’ values'),
)


def draw_kmeans(look: Look, layer: int = -1) -> Picture:
    """Draw pixels, affinities, assignment and update of a decoder layer, in four columns."""
    step, prediction = look.steps[layer], look.output.aux[layer]
    count, (height, width) = len(step.mask_logits), step.assignment.shape
    plate = Plate(*SIZE)
    said = f'stride {stride_of(look, prediction)}: {height} × {width} pixels, {count} centres'
    number = layer % len(look.steps) + 1
    plate.write(LEFT[0], 14, f'Decoder layer {number} at {said}', grey=True)
    for left, (title, said) in zip(LEFT, HEADS, strict=True):
        plate.write(left, 52, title, bold=True)
        plate.write(left, 80, said, grey=True)
    centres = choose_centres(look, step)
    image = enlarge(look.image, SIDE)
    _draw_space(plate, look, step, centres, image)
    _draw_affinities(plate, look, step, centres, image)
    _draw_assigned(plate, look, step, image)
    _draw_sums(plate, look, step, centres, image)
    middle = image.shape[0] / 2
    for top in TOP[: len(centres)]:
        one, each = TOP[1] + middle, top + middle
        for before, (start, end) in enumerate(((one, each), (each, one), (one, each))):
            ends = LEFT[before] + SIDE + 8, LEFT[before + 1] - 8
            plate.arrow((ends[0], start), (ends[1], end))
    return plate.picture()


def _draw_space(plate: Plate, look: Look, step: Step, centres: list[int], image: Picture) -> None:
    plate.show(LEFT[0], TOP[0], image)
    height, width = step.assignment.shape
    place = look.spread(np.arange(height * width).reshape(height, width))
    colors = project(step.pixel_feature.numpy()).reshape(height * width, -1)
    plate.show(LEFT[0], TOP[1], colors[stretch(place, image)])
    said = f'{len(step.pixel_feature)} numbers a pixel, three\nprincipal axes as colour'
    plate.write(LEFT[0], TOP[1] + image.shape[0] + 5, said)
    for row, centre in enumerate(centres):
        top = TOP[2] + 40 + row * 40
        plate.tag(LEFT[0], top, LETTERS[row], look.colors[centre])
        plate.strip(LEFT[0] + 34, top, SIDE - 34, 26, step.kernels[:, centre].numpy())
    said = f'kernels of {len(centres)} of the centres'
    plate.write(LEFT[0], TOP[2] + 40 + len(centres) * 40 - 8, said)


def _draw_affinities(
    plate: Plate, look: Look, step: Step, centres: list[int], image: Picture
) -> None:
    affinity = step.mask_logits[centres].numpy()
    scaled = (affinity - affinity.min()) / max(np.ptp(affinity), 1e-9)
    for row, centre in enumerate(centres):
        drawn = heat(stretch(look.spread(scaled[row]), image), look.colors[centre])
        plate.show(LEFT[1], TOP[row], drawn)
        plate.tag(LEFT[1] + 4, TOP[row] + 4, LETTERS[row], look.colors[centre])


def _draw_assigned(plate: Plate, look: Look, step: Step, image: Picture) -> None:
    plate.show(LEFT[2], TOP[1], draw_assignment(look, step.assignment, image))
    used = len(np.unique(step.assignment))
    said = f'{used} of {len(step.mask_logits)} centres\nhave pixels'
    plate.write(LEFT[2], TOP[1] + image.shape[0] + 5, said)


def _draw_sums(plate: Plate, look: Look, step: Step, centres: list[int], image: Picture) -> None:
    for row, centre in enumerate(centres):
        mine = step.assignment == centre
        drawn = backdrop(look.image, SIDE)
        paint(drawn, stretch(look.spread(mine), image) > 0, look.colors[centre], 0.75)
        plate.show(LEFT[3], TOP[row], drawn)
        plate.tag(LEFT[3] + 4, TOP[row] + 4, LETTERS[row], look.colors[centre])
        below = TOP[row] + image.shape[0] + 5
        plate.strip(LEFT[3], below, SIDE, 14, step.sums[:, centre].numpy())
        plate.write(LEFT[3], below + 17, f'sum of {mine.sum()} pixels')


def choose_centres(look: Look, step: Step) -> list[int]:
    """Choose two things and a stuff class of most pixels in a layer, of those with a mask."""
    pixels = np.bincount(step.assignment.ravel(), minlength=len(step.mask_logits))
    labels = look.final.masks.labels[0]
    pairs = [(int(labels[row]) < look.num_things, query) for row, query in look.matched()]
    ranked = sorted(pairs, key=lambda pair: -pixels[pair[1]])
    things = [query for is_thing, query in ranked if is_thing]
    stuff = [query for is_thing, query in ranked if not is_thing]
    return [*things[:2], *stuff, *things[2:]][: len(LETTERS)]


def project(feature: NDArray[np.floating]) -> NDArray[np.floating]:
    """Bring vectors ``(D, h, w)`` to ``(h, w, 3)`` in 0 to 1 by their principal components."""
    flat = feature.reshape(len(feature), -1).astype(np.float64)
    flat = flat - flat.mean(1, keepdims=True)
    axes = np.linalg.svd(flat, full_matrices=False)[0][:, :3]
    # Of two opposite directions the one whose greatest entry is positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    found = axes.T @ flat
    low, high = np.percentile(found, [2, 98], axis=1)[:, :, None]
    scaled = np.clip((found - low) / np.maximum(high - low, 1e-9), 0, 1)
    return scaled.T.reshape(*feature.shape[1:], -1)
