import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import numpy as np
import pytest
import torch
from mmdet.registry import VISUALIZERS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData

CLASSES = ['cat', 'dog', 'grass']
PALETTE = [(220, 20, 60), (0, 80, 200), (60, 160, 60)]
VOID = len(CLASSES)


@pytest.fixture
def visualizer():
    visualizer = VISUALIZERS.get('KMaXVisualizer')()
    visualizer.dataset_meta = dict(classes=CLASSES, palette=PALETTE)
    return visualizer


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (600, 520, 3), dtype=np.uint8)


def predicted(panoptic):
    sample = DetDataSample()
    sample.pred_panoptic_seg = PixelData(sem_seg=torch.as_tensor(panoptic, dtype=torch.int32)[None])
    return sample


def draw(visualizer, image, sample, **kwargs):
    visualizer.add_datasample('picture', image, sample, **kwargs)
    return visualizer.get_image()


def test_nothing_detected_leaves_the_image(visualizer, image, tmp_path):
    out_file = tmp_path / 'void.png'
    sample = predicted(np.full(image.shape[:2], VOID))
    drawn = draw(visualizer, image, sample, draw_gt=False, out_file=str(out_file))
    np.testing.assert_array_equal(drawn, image)
    assert out_file.exists()


def test_void_pixels_are_untouched_and_segments_take_the_class_colour(visualizer):
    image = np.full((600, 520, 3), 90, np.uint8)
    panoptic = np.full((600, 520), VOID)
    panoptic[100:500, 100:400] = 1 + 1000
    drawn = draw(visualizer, image, predicted(panoptic), draw_gt=False)
    np.testing.assert_array_equal(drawn[panoptic == VOID], image[panoptic == VOID])
    expected = np.rint(0.6 * np.array(PALETTE[1]) + 0.4 * 90)
    np.testing.assert_array_equal(drawn[130, 130], expected)


def test_instances_of_a_class_differ_in_colour(visualizer):
    image = np.full((600, 600, 3), 90, np.uint8)
    panoptic = np.full((600, 600), 2)
    panoptic[:, :200] = 1000
    panoptic[:, 200:400] = 2000
    drawn = draw(visualizer, image, predicted(panoptic), draw_gt=False).astype(int)
    assert np.abs(drawn[20, 20] - drawn[20, 300]).max() > 20


def test_small_images_are_enlarged(visualizer, image):
    panoptic = np.full((50, 60), VOID)
    panoptic[10:40, 10:40] = 1000
    drawn = draw(visualizer, image[:50, :60], predicted(panoptic), draw_gt=False)
    assert drawn.shape == (450, 540, 3)


def test_ground_truth_and_prediction_stand_side_by_side(visualizer, image):
    sample = predicted(np.full(image.shape[:2], 2))
    ids = torch.zeros(1, 640, 640, dtype=torch.int16)
    ids[:, :200, :200] = 1
    sample.set_metainfo(dict(ori_shape=(300, 260), img_shape=(600, 520)))
    sample.gt_panoptic_seg = PixelData(ids=ids)
    sample.gt_segments = InstanceData(labels=torch.tensor([0]))
    drawn = draw(visualizer, image, sample)
    assert drawn.shape == (600, 1040, 3)
    np.testing.assert_array_equal(drawn[250:600, 250:520], image[250:, 250:])
    assert (drawn[:100, :100] != image[:100, :100]).any()


def test_semantic_and_instance_results_alone(visualizer, image):
    sample = DetDataSample()
    sample.pred_sem_seg = PixelData(sem_seg=torch.full((1, 600, 520), VOID))
    np.testing.assert_array_equal(draw(visualizer, image, sample, draw_gt=False), image)
    sample.pred_instances = InstanceData(
        labels=torch.zeros(0, dtype=torch.int64),
        scores=torch.zeros(0),
        masks=torch.zeros(0, 600, 520, dtype=torch.bool),
        bboxes=torch.zeros(0, 4),
    )
    assert draw(visualizer, image, sample, draw_gt=False).shape == image.shape


def test_only_the_panoptic_result_is_drawn_where_there_is_one(visualizer, image):
    sample = predicted(np.full(image.shape[:2], VOID))
    sample.pred_sem_seg = PixelData(sem_seg=torch.zeros(1, 600, 520, dtype=torch.int64))
    np.testing.assert_array_equal(draw(visualizer, image, sample, draw_gt=False), image)


def test_missing_classes_are_named(visualizer, image):
    visualizer.dataset_meta = {}
    sample = DetDataSample(pred_sem_seg=PixelData(sem_seg=torch.zeros(1, 600, 520)))
    with pytest.raises(ValueError, match='dataset_meta names no classes'):
        draw(visualizer, image, sample)


def test_annotations_are_drawn_from_arrays_as_from_tensors(visualizer, image):
    sample = DetDataSample(metainfo=dict(ori_shape=(600, 520), img_shape=(600, 520)))
    ids = torch.zeros(1, 600, 520, dtype=torch.int16)
    ids[:, :200, :200] = 1
    sample.gt_panoptic_seg = PixelData(ids=ids)
    sample.gt_segments = InstanceData(labels=torch.tensor([1]))
    drawn = draw(visualizer, image, sample, draw_pred=False)
    as_arrays = draw(visualizer, image, sample.numpy(), draw_pred=False)
    np.testing.assert_array_equal(drawn, as_arrays)
