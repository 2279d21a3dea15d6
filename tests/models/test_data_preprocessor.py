"""Normalisation and padding of batches."""

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import PixelData

from projects.kmax.models.data_preprocessor import KMaXDataPreprocessor


def _batch():
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(256, (3, 40, 50), generator=generator, dtype=torch.uint8),
        255 * torch.rand(3, 65, 30, generator=generator),
    ]
    samples = []
    for image in images:
        sample = DetDataSample(metainfo={'img_shape': tuple(image.shape[1:])})
        sample.gt_panoptic_seg = PixelData(ids=torch.ones(1, *image.shape[1:], dtype=torch.int16))
        samples.append(sample)
    return {'inputs': images, 'data_samples': samples}


@pytest.mark.parametrize(('pad_size', 'shape'), [(None, (65, 65)), ((97, 129), (97, 129))])
def test_images_are_rgb_normalised_and_padded(pad_size, shape):
    batch = _batch()
    preprocessor = KMaXDataPreprocessor(pad_size)
    output = preprocessor(batch, training=True)
    assert output['inputs'].shape == (2, 3, *shape)
    expected = torch.zeros(2, 3, *shape)
    for row, image in zip(expected, batch['inputs'], strict=True):
        row[:, : image.shape[1], : image.shape[2]] = image[[2, 1, 0]].float() / 127.5 - 1
    torch.testing.assert_close(output['inputs'], expected, rtol=0, atol=1e-6)
    for sample, image in zip(output['data_samples'], batch['inputs'], strict=True):
        assert sample.batch_input_shape == sample.pad_shape == shape
        assert sample.gt_panoptic_seg.ids.shape == (1, *image.shape[1:])


def test_padding_is_exactly_mid_grey():
    output = KMaXDataPreprocessor()(_batch())
    assert (output['inputs'][0, :, 40:] == 0).all() and (output['inputs'][0, :, :, 50:] == 0).all()


def test_precision_follows_the_model():
    preprocessor = KMaXDataPreprocessor()
    assert preprocessor(_batch())['inputs'].dtype == torch.float32
    assert preprocessor.double()(_batch())['inputs'].dtype == torch.float64


def test_images_alone_suffice():
    output = KMaXDataPreprocessor()({'inputs': torch.zeros(2, 3, 33, 64)})
    assert output['inputs'].shape == (2, 3, 33, 65) and output['data_samples'] is None


def test_image_beyond_pad_size_is_reported():
    preprocessor = KMaXDataPreprocessor((33, 65))
    with pytest.raises(ValueError, match=r'of 65x50 .* does not fit into pad_size \(33, 65\)'):
        preprocessor(_batch())


def test_images_of_other_channels_are_refused():
    with pytest.raises(ValueError, match='an image has 4 channels, expected are 3'):
        KMaXDataPreprocessor()(dict(inputs=[torch.zeros(4, 32, 32)]))
    grey = KMaXDataPreprocessor()(dict(inputs=[torch.full((1, 33, 33), 255.0)]))['inputs']
    assert (grey == 1).all()
