"""Images and panoptic PNGs of every kind of pixels and orientation."""

from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image

PNG = r'panoptic PNG .*panoptic/1\.png '


def _loading(backend):
    return [{'type': 'LoadImageFromFile', 'imdecode_backend': backend}, {'type': 'LoadPanopticIds'}]


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('mode', ['L', 'CMYK'])
def test_grey_and_cmyk_images_become_three_channels(mode, backend, panoptic_folder, build_dataset):
    path = panoptic_folder / 'images' / '1.png'
    grey = Image.new('RGB', (40, 24), (90, 90, 90)).convert(mode)
    grey.save(path, format='JPEG', quality=100)
    dataset = build_dataset(pipeline=_loading(backend))
    assert dataset[0]['img'].shape == (24, 40, 3)
    assert np.abs(dataset[0]['img'].astype(int) - 90).max() <= 2


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_rotated_image_agrees_with_its_ids(backend, panoptic_folder, build_dataset):
    path = panoptic_folder / 'images' / '1.png'
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:, :7] = 255  # where the first segment is
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned, to be turned clockwise when shown
    Image.fromarray(np.rot90(upright)).save(path, format='JPEG', quality=100, exif=exif)
    sample = build_dataset(pipeline=_loading(backend))[0]
    bright = sample['img'].mean(axis=-1) > 127
    assert (bright == (sample['gt_seg_map'] == 1)).mean() > 0.97


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
def test_ids_of_a_rotated_image_as_it_is_stored(backend, panoptic_folder, edit_json, build_dataset):
    path, png = (panoptic_folder / name / '1.png' for name in ('images', 'panoptic'))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((40, 24, 3), np.uint8)).save(path, format='JPEG', exif=exif)
    ids = cv2.imread(str(png))
    cv2.imwrite(str(png), np.rot90(ids))
    message = PNG + r'is 24x40 .* is 40x24 pixels; the image may have an'
    with pytest.raises(ValueError, match=message):
        build_dataset(pipeline=_loading(backend))[0]
    pipeline = _loading(backend)
    pipeline[0]['color_type'] = 'color_ignore_orientation'
    with pytest.raises(ValueError, match='is 24x40 pixels, but .*json says 40x24; the image may'):
        build_dataset(pipeline=pipeline)[0]
    edit_json(lambda content: content['images'][0].update(height=40, width=24))
    assert build_dataset(pipeline=pipeline)[0]['img'].shape == (40, 24, 3)


def _save_with_palette(path, alpha=False):
    """Write a panoptic PNG again as numbers of colours."""
    image = Image.open(path).convert('RGB').quantize(dither=Image.Dither.NONE)
    image.save(path, **(dict(transparency=0) if alpha else {}))
    assert Image.open(path).mode == 'P'


def _save_with_alpha(path):
    Image.open(path).convert('RGBA').save(path)


@pytest.mark.parametrize(
    'save', [_save_with_palette, partial(_save_with_palette, alpha=True), _save_with_alpha]
)
def test_ids_with_palette_or_alpha_are_read_as_colours(save, panoptic_folder, build_dataset):
    expected = build_dataset(pipeline=_loading('cv2'))[0]['gt_seg_map']
    save(panoptic_folder / 'panoptic' / '1.png')
    found = build_dataset(pipeline=_loading('cv2'))[0]['gt_seg_map']
    assert np.array_equal(found, expected) and found.max() == 3


def test_numbers_of_another_palette_are_no_ids(panoptic_folder, build_dataset):
    image = Image.fromarray(np.full((24, 40), 3, np.uint8), mode='P')
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    image.save(panoptic_folder / 'panoptic' / '1.png')
    with pytest.raises(ValueError, match=PNG + 'holds id 32896, which is not among'):
        build_dataset()[0]
