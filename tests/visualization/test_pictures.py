import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config

from kmax_deeplab.pictures.clusters import draw_clusters, upsample_nearest
from kmax_deeplab.pictures.colors import cluster_palette, instance_color
from projects.kmax.visualization.samples import assign_pixels
from projects.kmax.visualization.comparison import load_ground_truth, write_comparisons
from kmax_deeplab.pictures.drawing import draw_segments, write_names
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit
from kmax_deeplab.pictures.segments import Segments


def test_panoptic_map_round_trip():
    panoptic = np.array([[3, 3, 1000], [2, 2001, 2001]], np.int32)
    segments = Segments.from_panoptic(panoptic, num_classes=3)
    assert segments.labels == [2, 0, 1]
    np.testing.assert_array_equal(segments.ids, [[0, 0, 2], [1, 3, 3]])
    again = Segments.from_panoptic(segments.to_panoptic(3), 3)
    assert sorted(again.labels) == [0, 1, 2]
    np.testing.assert_array_equal(again.ids == 0, segments.ids == 0)


def test_cluster_colours_are_distinct_and_stable():
    colors = cluster_palette(256)
    assert len(np.unique(colors, axis=0)) == 256
    np.testing.assert_array_equal(cluster_palette(64), colors[:64])


def test_instance_colours_are_distinct():
    colors = {instance_color((220, 20, 60), index) for index in range(20)}
    assert len(colors) == 20


def test_assignment_keeps_the_corners_and_drops_the_padding():
    assignment = np.arange(9 * 13).reshape(9, 13)
    full = upsample_nearest(assignment, padded_shape=(33, 49), image_shape=(33, 49))
    np.testing.assert_array_equal(full[::4, ::4], assignment)
    cut = upsample_nearest(assignment, padded_shape=(33, 49), image_shape=(17, 20))
    np.testing.assert_array_equal(cut, full[:17, :20])


def test_clusters_are_painted_by_argmax():
    logits = torch.zeros(5, 2, 2)
    logits[3, 0, 0] = logits[1, 1, 1] = 1
    assignment = assign_pixels(logits)
    np.testing.assert_array_equal(assignment, [[3, 0], [0, 1]])
    drawn = draw_clusters(np.zeros((8, 8, 3), np.uint8), assignment, num_clusters=5)
    np.testing.assert_array_equal(drawn[0, 0], np.rint(0.8 * cluster_palette(5)[3]))
    np.testing.assert_array_equal(drawn[7, 7], np.rint(0.8 * cluster_palette(5)[1]))


def test_void_is_grey_when_asked():
    image = np.zeros((40, 40, 3), np.uint8)
    segments = Segments(np.zeros((20, 20), np.int32), [])
    drawn = draw_segments(image, segments, ['cat'], [(255, 0, 0)], grey_void=True)
    assert (drawn == 77).all()


@pytest.mark.parametrize('shape', [(4, 4), (1, 300), (200, 3)])
def test_names_fit_any_image(shape):
    segments = Segments(np.ones(shape, np.int32), [0])
    drawn = write_names(np.zeros((*shape, 3), np.uint8), segments, ['a-very-long-class-name'])
    assert drawn.shape == (*shape, 3)


def test_sheet_holds_every_panel():
    panels = [Panel(np.full((60, 80, 3), value, np.uint8), f'panel {value}') for value in range(5)]
    sheet = compose_sheet(panels)
    for value in range(5):
        assert (sheet == value).all(-1).sum() >= 60 * 80
    assert compose_sheet(panels[:1]).shape[1] < 110


def test_remarks_stand_beside_or_below():
    panel = Panel(np.zeros((60, 200, 3), np.uint8), 'title', 'remark')
    beside, below = (compose_sheet([panel], 1, 20, is_stacked) for is_stacked in (False, True))
    assert below.shape[0] > beside.shape[0] + 15
    # What is written reaches as far to the right as the longer of the two, or as both.
    right_ends = [
        int(np.flatnonzero((sheet[:-75] < 200).any((0, 2))).max()) for sheet in (beside, below)
    ]
    assert right_ends[0] > right_ends[1] + 40


def test_names_have_the_size_that_is_asked_for():
    segments = Segments(np.ones((200, 300), np.int32), [0])
    image = np.full((200, 300, 3), 255, np.uint8)
    heights = [
        int((write_names(image, segments, ['cat'], size) < 255).any((1, 2)).sum())
        for size in (None, 15, 40)
    ]
    assert heights[0] < heights[1] < heights[2]


def test_fit_keeps_the_aspect():
    assert fit(np.zeros((100, 50, 3), np.uint8), 480).shape == (480, 240, 3)
    assert fit(np.zeros((50, 1000, 3), np.uint8), 480).shape == (24, 480, 3)


def test_one_sheet_per_image(folder, tmp_path):
    config, weights = str(folder / 'everything.py'), str(folder / 'weights.pth')
    model = init_detector(config, weights, device='cpu')
    files = write_comparisons(model, tmp_path, num_images=2)
    assert [file.name for file in files] == ['1.png', '3.png']
    sheet = cv2.imread(str(files[0]))
    # Two rows of three: image, ground truth, prediction; three decoder layers.
    assert sheet.shape[1] == 3 * (480 + 12) + 12
    assert 2 * 373 < sheet.shape[0] < 2 * 373 + 100


def test_ground_truth_segments(folder):
    config = Config.fromfile(str(folder / 'config.py'))
    segments = load_ground_truth(DATASETS.build(config.test_dataloader.dataset), 0)
    assert sorted(segments.labels) == [0, 2]
    np.testing.assert_array_equal((segments.ids == 0).sum(), 10 * 90)
