"""CVAT's own driver annotates a task by the function; only the server is a stand-in."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from projects.kmax.apis import KMaXInferencer


@pytest.fixture(autouse=True)
def _package():
    pytest.importorskip('cvat_sdk', reason='cvat-sdk is not installed')


def annotate(function, names, photos, **options):
    """Let CVAT's driver annotate photos; return the shapes that it uploads, and their labels."""
    from cvat_sdk import models
    from cvat_sdk.auto_annotation import driver

    labels = [
        models.Label(id=100 + index, name=name, type='any', sublabels=[], attributes=[])
        for index, name in enumerate(names)
    ]
    samples = [
        SimpleNamespace(
            frame_index=index,
            frame_name=photo.name,
            media=SimpleNamespace(load_image=lambda photo=photo: Image.open(photo)),
        )
        for index, photo in enumerate(photos)
    ]
    sent = []
    api = SimpleNamespace(
        update_annotations=lambda _, labeled_data_request: sent.append(labeled_data_request)
    )
    client = SimpleNamespace(logger=logging.getLogger('cvat'), tasks=SimpleNamespace(api=api))
    with pytest.MonkeyPatch.context() as patch:
        task = SimpleNamespace(labels=labels, samples=samples)
        patch.setattr(driver, 'TaskDataset', lambda *_, **__: task)
        driver.annotate_task(client, 1, function, clear_existing=True, **options)
    [request] = sent
    assert all(shape.source == 'auto' for shape in request.shapes)
    name_of = {label.id: label.name for label in labels}
    return request.shapes, [name_of[shape.label_id] for shape in request.shapes]


def mask_of(shape, result):
    from cvat_sdk.masks import decode_mask

    height, width = result.id_map.shape
    return decode_mask(shape.points, image_width=width, image_height=height)


def create(**options):
    from projects.kmax.integrations.cvat import create

    return create(**options)


@pytest.fixture(scope='module')
def model(folder, named_weights):
    return dict(model=str(folder / 'everything.py'), weights=str(named_weights), device='cpu')


@pytest.fixture
def painted(model, result, images):
    """Return a function that annotates a photo whose segments are known."""
    function = create(**model)
    function.inferencer = lambda image: result
    function.inferencer.classes = result.classes

    def run(names=('sky', 'ball & "co"', 'box'), **options):
        return annotate(function, names, [images / '11.jpg'], **options)

    return run


def test_a_model_annotates(model, images):
    photos = [images / '11.jpg', images / '12.png']
    shapes, labels = annotate(create(**model), ('ball', 'sky', 'box'), photos)
    results = [KMaXInferencer(**model)(photo) for photo in photos]
    expected = [(f, s) for f, result in enumerate(results) for s in result.segments_info]
    assert len(expected) >= 2
    assert [shape.frame for shape in shapes] == [frame for frame, _ in expected]
    assert labels == [segment['label'] for _, segment in expected]
    for shape, (frame, segment) in zip(shapes, expected, strict=True):
        mask = mask_of(shape, results[frame])
        assert np.array_equal(mask, results[frame].mask(segment['id']))


def test_labels_and_options_are_the_models(model):
    function = create(**model, class_threshold_thing=0.75)
    assert [(label.id, label.name, str(label.type)) for label in function.spec.labels] == [
        (0, 'box', 'mask'),
        (1, 'ball', 'mask'),
        (2, 'sky', 'mask'),
    ]
    assert function.inferencer.thresholds == dict(class_threshold_thing=0.75)
    with pytest.raises(ValueError, match='comes without weights'):
        create(model=model['model'])


def test_masks_are_those_of_the_result(painted, result):
    shapes, labels = painted()
    assert labels == [segment['label'] for segment in result.segments_info]
    assert sorted(labels) == ['box', 'box', 'sky']
    for shape, segment in zip(shapes, result.segments_info, strict=True):
        assert str(shape.type) == 'mask'
        assert np.array_equal(mask_of(shape, result), result.mask(segment['id']))


def test_polygons_where_cvat_asks_for_them(painted):
    shapes, labels = painted(conv_mask_to_poly=True)
    assert {str(shape.type) for shape in shapes} == {'polygon'}
    boxes = [np.reshape(shape.points, (-1, 2)) for shape in shapes]
    found = [
        (label, shape.z_order, *box.min(axis=0), *box.max(axis=0))
        for label, shape, box in zip(labels, shapes, boxes, strict=True)
    ]
    assert sorted(found) == [
        ('box', 1, 10, 5, 30, 15),
        ('box', 1, 15, 8, 20, 12),
        ('sky', 0, 0, 0, 53, 20),
    ]


def test_segments_below_the_threshold_are_left_out(painted):
    assert [len(painted(conf_threshold=least)[0]) for least in (0.5, 0.75, 0.76)] == [3, 2, 1]
    assert painted(conf_threshold=0.76, conv_mask_to_poly=True)[1] == ['box']


def test_labels_that_a_task_lacks(painted):
    from cvat_sdk.auto_annotation import BadFunctionError

    with pytest.raises(BadFunctionError, match="label 'box' is not in dataset"):
        painted(names=['sky'])
    assert painted(names=['sky'], allow_unmatched_labels=True)[1] == ['sky']
