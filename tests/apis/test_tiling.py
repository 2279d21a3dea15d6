"""Segments are joined across tiles, and only those that are one."""

import cv2
import numpy as np
import pytest

from kmax_deeplab.result import Classes, PanopticResult
from projects.kmax.apis.tiling import cut_tiles, predict_tiles

CLASSES = Classes(('car', 'dog', 'road', 'sky'), 2)
COLORS = {(200, 0, 0): 0, (0, 200, 0): 1, (0, 0, 200): 2, (0, 200, 200): 3}


class Perfect:
    """Sees every connected patch of a colour as a thing, or as part of the stuff."""

    classes = CLASSES

    def __init__(self):
        self.shapes = []

    def __call__(self, image, channel_order):
        assert channel_order == 'rgb'
        self.shapes.append(image.shape[:2])
        panoptic = np.full(image.shape[:2], 4, np.int32)
        for color, label in COLORS.items():
            of_color = (image == color).all(-1)
            count, patches = cv2.connectedComponents(of_color.astype(np.uint8), connectivity=4)
            for number in range(1, count):
                panoptic[patches == number] = label + (1000 * number if label < 2 else 0)
        scores = np.where(panoptic == 4, 0, 0.5).astype(np.float32)
        return PanopticResult.from_panoptic(panoptic, CLASSES, [scores])


def paint(shape, *rectangles):
    image = np.zeros((*shape, 3), np.uint8)
    colors = {label: color for color, label in COLORS.items()}
    for label, top, bottom, left, right in rectangles:
        image[top:bottom, left:right] = colors[label]
    return image


SCENES = {
    'stuff alone': [(2, 0, 300, 0, 400)],
    'across a border': [(0, 40, 60, 60, 140)],
    'across all': [(0, 20, 280, 20, 380), (1, 100, 140, 90, 130)],
    'side by side': [(0, 40, 60, 60, 85), (0, 40, 60, 86, 120)],
    'two of one class along the border': [(0, 10, 40, 70, 110), (0, 45, 90, 70, 110)],
    'in a ring': [(1, 50, 250, 50, 350), (3, 80, 220, 80, 320), (0, 140, 160, 150, 170)],
    'ends at the border': [(0, 0, 100, 0, 100), (1, 0, 100, 101, 250)],
}


@pytest.mark.parametrize('size', [100, 128, 300, 1000])
@pytest.mark.parametrize('scene', SCENES)
def test_tiles_give_what_the_whole_gives(scene, size):
    image = paint((300, 400), *SCENES[scene])
    whole, model = Perfect()(image, 'rgb'), Perfect()
    tiled = predict_tiles(model, image, size, path='a.png')
    pairs = np.unique(np.stack([tiled.id_map, whole.id_map], -1).reshape(-1, 2), axis=0)
    assert len(pairs) == len(np.unique(whole.id_map)) == len(np.unique(tiled.id_map))
    by_id = {segment['id']: segment for segment in whole.segments_info}
    for mine, theirs in pairs.tolist():
        if theirs == 0:
            assert mine == 0
            continue
        expected = by_id[theirs] | dict(id=mine)
        assert tiled.segments_info[mine - 1] == expected
    assert tiled.path == 'a.png' and tiled.image is image
    assert all(max(shape) <= size for shape in model.shapes)
    assert len(model.shapes) == 1 if size == 1000 else len(model.shapes) > 1


def test_things_that_disagree_stay_apart():
    """What tiles see less than half alike where both look is not one thing."""

    class Shifting(Perfect):
        def __call__(self, image, channel_order):
            moved = np.roll(image, 18 * len(self.shapes), axis=0)
            return super().__call__(moved, channel_order)

    image = paint((100, 170), (0, 20, 40, 0, 170))
    assert len(predict_tiles(Shifting(), image, 100).segments_info) == 2
    assert len(predict_tiles(Perfect(), image, 100).segments_info) == 1


@pytest.mark.parametrize('shape', [(1, 1), (100, 100), (101, 99), (250, 1000), (777, 333)])
def test_tiles_and_cores_cover_the_image(shape):
    covered, seen = np.zeros(shape, int), np.zeros(shape, int)
    for tile in cut_tiles(shape, 100):
        before = np.zeros(shape, int)
        for rectangle in tile.seen:
            before[rectangle] += 1
        assert np.array_equal(before[tile.area] == 1, seen[tile.area] > 0) and before.max() <= 1
        seen[tile.area] += 1
        assert all(0 < part.stop - part.start <= 100 for part in tile.area)
        covered[tile.core] += 1
    assert (seen > 0).all() and (covered > 0).all()
