"""Tasks for Label Studio, read again by its own package."""

import importlib
from xml.etree import ElementTree

import numpy as np
import pytest

from kmax_deeplab.result import PanopticResult


@pytest.fixture
def label_studio():
    """The module, where the package is there that it needs."""
    pytest.importorskip('label_studio_sdk', reason='label-studio-sdk is not installed')
    return importlib.import_module('projects.kmax.integrations.label_studio')


def test_masks_are_those_of_the_result(label_studio, result):
    from label_studio_sdk.converter.brush import decode_rle

    task = label_studio.make_task(result, '/data/local-files/?d=1.jpg', 'tiny')
    assert task['data'] == dict(image='/data/local-files/?d=1.jpg')
    [prediction] = task['predictions']
    assert prediction['model_version'] == 'tiny'
    areas = [segment['area'] for segment in result.segments_info]
    scores = [segment['score'] for segment in result.segments_info]
    assert prediction['score'] == pytest.approx(np.dot(scores, areas) / sum(areas))
    assert len(prediction['result']) == 3
    for region, segment in zip(prediction['result'], result.segments_info, strict=True):
        assert (region['original_height'], region['original_width']) == (37, 53)
        assert region['value']['brushlabels'] == [segment['label']]
        assert region['score'] == segment['score']
        channels = decode_rle(region['value']['rle']).reshape(37, 53, 4)
        assert np.array_equal(channels, result.mask(segment['id'])[..., None].repeat(4, -1) * 255)


def all_are_bytes(rle):
    return all(0 <= value <= 255 for value in rle)


def test_a_project_takes_the_predictions(label_studio, result, classes, monkeypatch):
    from label_studio_sdk.label_interface import LabelInterface, control_tags

    # Before 2.0.20 it takes the bytes for pairs of value and count, and refuses its own encoder's.
    monkeypatch.setattr(control_tags, 'validate_rle', all_are_bytes)
    interface = LabelInterface(label_studio.labelling_config(classes))
    task = label_studio.make_task(result, 'https://example.org/1.jpg', 'tiny')
    [prediction] = task['predictions']
    assert interface.validate_prediction(prediction)
    prediction['result'][0]['value']['brushlabels'] = ['house']
    assert not interface.validate_prediction(prediction)
    labels = ElementTree.fromstring(label_studio.labelling_config(classes)).iter('Label')
    assert [(label.get('value'), label.get('background')) for label in labels] == [
        ('box', '#ff0010'),
        ('ball & "co"', '#000909'),
        ('sky', '#090009'),
    ]


def test_an_image_without_segments(label_studio, classes):
    nothing = PanopticResult.from_panoptic(np.full((4, 5), 3), classes)
    [prediction] = label_studio.make_task(nothing, '/1.jpg', 'tiny')['predictions']
    assert prediction == dict(model_version='tiny', result=[])
