import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import cv2
import numpy as np
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config

from projects.kmax.visualization.comparison import load_ground_truth, write_comparisons


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
