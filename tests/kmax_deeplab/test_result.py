"""The panoptic result of an image."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers import run_python

from kmax_deeplab.result import Classes, ClusterLayer, PanopticResult

CLASSES = Classes(['cat', 'dog', 'sky'], 2, [17, 18, 119], [(255, 0, 0), (0, 255, 0), (0, 0, 255)])
PANOPTIC = np.array([[2, 2, 1000, 1000], [2, 3, 2001, 1000], [3, 3, 2001, 2001]], np.int32)


@pytest.fixture
def result():
    scores = np.linspace(0.1, 1, 12).reshape(3, 4), np.full((3, 4), 0.5)
    image = np.full((3, 4, 3), 100, np.uint8)
    return PanopticResult.from_panoptic(PANOPTIC, CLASSES, scores, image=image, path='a/b.jpg')


def test_segments_are_described(result):
    assert result.id_map.dtype == np.int32
    assert result.id_map.tolist() == [[1, 1, 2, 2], [1, 0, 3, 2], [0, 0, 3, 3]]
    sky, cat, dog = result.segments_info
    assert cat == dict(
        id=2,
        category_id=17,
        label_id=0,
        label='cat',
        isthing=True,
        score=pytest.approx(0.5 * np.mean([0.1 + 0.9 * k / 11 for k in (2, 3, 7)])),
        area=3,
        bbox=[2, 0, 2, 2],
    )
    assert (sky['label'], sky['isthing'], sky['area'], sky['bbox']) == (
        'sky',
        False,
        3,
        [0, 0, 2, 2],
    )
    assert (dog['category_id'], dog['area'], dog['bbox']) == (18, 3, [2, 1, 2, 2])


def test_views_of_the_same(result):
    assert result.semantic.tolist() == [[2, 2, 0, 0], [2, 255, 1, 0], [255, 255, 1, 1]]
    dog, cat = result.instances
    assert (dog['label'], cat['label']) == ('dog', 'cat') and dog['score'] > cat['score']
    assert dog['mask'].tolist() == (PANOPTIC == 2001).tolist()
    with pytest.raises(ValueError, match='no segment 4: ids are 1 to 3'):
        result.mask(4)


def test_run_lengths_are_those_of_coco(result):
    from pycocotools import mask

    assert mask.decode(result.rle(3)).astype(bool).tolist() == (PANOPTIC == 2001).tolist()
    assert mask.area(result.rle(3)) == 3


def test_the_form_of_transformers(result):
    given = result.to_transformers()
    assert torch.is_tensor(given['segmentation']) and given['segmentation'].tolist()[0] == [
        1,
        1,
        2,
        2,
    ]
    assert [set(s) for s in given['segments_info']] == [
        {'id', 'label_id', 'was_fused', 'score'}
    ] * 3
    assert [s['was_fused'] for s in given['segments_info']] == [True, False, False]


def test_supervision_takes_it(result):
    supervision = pytest.importorskip('supervision', reason='needs supervision')
    names = dict(enumerate(CLASSES.names))
    found = supervision.Detections.from_transformers(result.to_transformers(), id2label=names)
    order = [segment['id'] for segment in result.segments_info]
    masks = {mask.tobytes(): index for index, mask in enumerate(found.mask)}
    for number in order:
        index, segment = masks[result.mask(number).tobytes()], result.segments_info[number - 1]
        assert found.class_id[index] == segment['label_id']
        assert found['class_name'][index] == segment['label']
        assert found.confidence[index] == pytest.approx(segment['score'])
    assert len(found) == len(order)


def test_drawing(result):
    drawn = result.plot(opacity=1.0, names=False, readable=False)
    assert drawn.shape == (3, 4, 3) and (drawn[2, 0] == 100).all()
    assert result.plot().shape == (384, 512, 3)
    with pytest.raises(ValueError, match='opacity must be between 0 and 1, is 2'):
        result.plot(opacity=2)


def test_saving_is_what_metrics_read(result, tmp_path):
    drawing, ids, json_file = result.save(tmp_path / 'out')
    assert [path.name for path in (drawing, ids, json_file)] == [
        'b.png',
        'b_panoptic.png',
        'b.json',
    ]
    colors = cv2.imread(str(ids))[..., ::-1].astype(int) @ [1, 256, 65536]
    assert colors.tolist() == result.id_map.tolist()
    content = json.loads(json_file.read_text())
    (entry,) = content['annotations']
    assert (entry['image_id'], entry['file_name']) == ('b', 'b_panoptic.png')
    assert [(s['id'], s['category_id']) for s in entry['segments_info']] == [
        (1, 119),
        (2, 17),
        (3, 18),
    ]
    assert content['categories'][2] == dict(id=119, name='sky', isthing=0, color=[0, 0, 255])
    assert cv2.imread(str(drawing)).shape == (384, 512, 3)


def test_nothing_is_written_elsewhere_or_over_the_image(result, tmp_path):
    with pytest.raises(ValueError, match='leads out of the folder'):
        result.save(tmp_path / 'out', '../b')
    result.path = str(tmp_path / 'b.png')
    with pytest.raises(ValueError, match='would replace the image'):
        result.save(tmp_path)
    assert not any(tmp_path.iterdir())


def test_void_only_and_no_scores():
    result = PanopticResult.from_panoptic(np.full((2, 3), 3), CLASSES)
    assert result.segments_info == [] and not result.id_map.any()
    assert result.instances == [] and (result.semantic == 255).all()
    scoreless = PanopticResult.from_panoptic(PANOPTIC, CLASSES)
    assert [segment['score'] for segment in scoreless.segments_info] == [None] * 3
    assert scoreless.plot(readable=False).shape == (3, 4, 3)


def test_clusters_are_found_once(result):
    with pytest.raises(ValueError, match='without the clusters'):
        result.clusters  # noqa: B018
    asked = []
    layer = ClusterLayer(np.array([[0, 1, 1, 0]] * 3), 4, 2)
    result.find_clusters = lambda: asked.append(1) or [layer]
    assert result.clusters[0] is result.clusters[0] is layer and asked == [1]
    assert layer.plot(result.image).shape == (3, 4, 3)


def test_wrong_numbers_of_classes_are_refused():
    with pytest.raises(ValueError, match='palette has 1 entries for 2 classes'):
        Classes(['a', 'b'], 1, palette=[(1, 2, 3)])
    assert len(set(Classes(['a', 'b'], 1).colors)) == 2
    assert Classes(['a', 'b'], 1).describe(1)['category_id'] == 2


def test_it_needs_neither_torch_nor_openmmlab():
    heavy = {'torch', 'mmengine', 'mmdet', 'mmcv', 'projects'}
    result = run_python(f'import sys, kmax_deeplab.result; print({heavy} & {{*sys.modules}})')
    assert result.stdout == 'set()\n', result.stderr
