"""Images come to the network as the test pipeline of every config brings them, to the pixel."""

from functools import cache

import cv2
import numpy as np
import pytest
from imports import ROOT
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from PIL import Image

from kmax_deeplab import resampling
from kmax_deeplab.exported.contract import read_resize
from kmax_deeplab.exported.reading import read_image
from projects.kmax.deploy.pipelines import describe_pipeline

WITHOUT_TRUTH = ('LoadImageFromFile', 'KMaXResize', 'Resize', 'PackKMaXInputs')


@cache
def recipes():
    """Return a config for each way in which configs bring test images to the network."""
    found = {}
    for path in sorted((ROOT / 'configs/kmax').glob('*panoptic*.py')):
        config = Config.fromfile(path)
        steps = config.test_dataloader.dataset.pipeline
        config.steps = [step for step in steps if step.type in WITHOUT_TRUTH]
        found.setdefault(str(config.steps), config)
    return list(found.values())


def compare(config, path):
    """Compare what a file's description of a pipeline makes of an image with the pipeline."""
    init_default_scope('mmdet')
    packed = Compose(config.steps)(dict(img_path=str(path), img_id=0))
    described = describe_pipeline(config)
    pixels, read = read_image(path, described['decoder'], 'bgr')
    resized = read_resize(described['resize'])(pixels)
    assert read == str(path) and packed['data_samples'].ori_shape == pixels.shape[:2]
    assert np.array_equal(packed['inputs'].numpy().transpose(1, 2, 0), resized)


def test_there_is_every_recipe():
    described = [describe_pipeline(config)['resize'] for config in recipes()]
    assert {entry['rule'] for entry in described} == {'none', 'aligned', 'fit'}
    assert len(described) >= 8


RGB = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
PICTURE = Image.fromarray(RGB)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # A quarter turn clockwise.
PICTURES = {
    'turned.jpg': (PICTURE, dict(exif=TURNED)),
    'grey.png': (PICTURE.convert('L'), {}),
    'grey with alpha.png': (PICTURE.convert('LA'), {}),
    'alpha.png': (PICTURE.convert('RGBA'), {}),
    'palette.png': (PICTURE.convert('P'), {}),
    'cmyk.jpg': (PICTURE.convert('CMYK'), {}),
    'deep.png': (Image.fromarray(RGB[..., 0].astype(np.uint16) * 257), {}),
    'one bit.png': (PICTURE.convert('1'), {}),
    'animated.gif': (PICTURE, dict(save_all=True, append_images=[Image.new('RGB', (70, 50))])),
    'dot.png': (PICTURE.resize((1, 1)), {}),
    'line.png': (PICTURE.resize((90, 2)), {}),
}


@pytest.mark.parametrize('name', PICTURES)
def test_every_kind_of_image(name, tmp_path):
    picture, options = PICTURES[name]
    picture.save(tmp_path / name, **options)
    for config in recipes():
        compare(config, tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize('size', [(5773, 8660), (8660, 5773)])
def test_50_megapixels(size, tmp_path):
    small = np.random.default_rng(0).integers(0, 256, (90, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'large.jpg'), cv2.resize(small, size))
    for config in recipes():
        compare(config, tmp_path / 'large.jpg')


@pytest.mark.parametrize('data', ['coco_panoptic_sample', 'camvid_panoptic', 'nuclei_panoptic'])
def test_real_images(data, real_data):
    paths = [p for p in sorted(real_data(data).rglob('*')) if p.suffix in ('.jpg', '.png')]
    images = [p for p in paths if 'panoptic' not in p.relative_to(real_data(data)).parts[0]]
    by_size = {Image.open(path).size: path for path in images}
    assert by_size
    for path in list(by_size.values())[:6]:
        for config in recipes():
            compare(config, path)


def test_opencv_that_rounds_positions(monkeypatch):
    """Before version 5: all is computed by numpy then, and is the same but for rounding."""
    for size in ((1, 1), (40, 99), (129, 161), (50, 70)):
        exact = resampling.resize_aligned(RGB, *size)
        with monkeypatch.context() as patch:
            patch.setattr(resampling, 'EXACT_WARP', False)
            found = resampling.resize_aligned(RGB, *size)
        assert found.dtype == np.float32 and found.shape == (*size, 3)
        np.testing.assert_allclose(found, exact, atol=2e-3)
