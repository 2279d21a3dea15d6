"""Pseudo-labels agree with the predictions and load as a data set."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmdet.registry import DATASETS
from mmengine.structures import PixelData

from projects.kmax.journal import Journal
from projects.kmax.panoptic_format import read_panoptic_png
from projects.kmax.pseudo_labels.selection import select_segments
from projects.kmax.pseudo_labels.thresholds import Selection

CLASSES = ('box', 'ball', 'sky')


def _read_json(out):
    return json.loads(out.with_name(f'{out.name}.json').read_text())


def _load(out, images):
    cfg = dict(
        type='KMaXPanopticDataset',
        ann_file=str(out.with_name(f'{out.name}.json')),
        data_prefix=dict(img=str(images), seg=str(out)),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')],
    )
    return DATASETS.build(cfg)


def test_result_loads_and_agrees_with_the_prediction(tool, out, images, folder, named_weights):
    code, printed = tool(out)
    assert code == 0
    assert '4 images are labelled' in printed and '0 left out as unsure, 1 could not' in printed
    content = _read_json(out)
    assert [image['id'] for image in content['images']] == [11, 12, 13, 14]
    assert 'unlabeled/15.jpg' in content['info']['unreadable'][0]
    dataset = _load(out, images)
    assert dataset.metainfo['classes'] == CLASSES
    assert dataset.metainfo['thing_classes'] == ('box', 'ball')
    model = init_detector(str(folder / 'everything.py'), str(named_weights), device='cpu')
    for index, annotation in enumerate(content['annotations']):
        sample = dataset[index]
        sem_seg = inference_detector(model, sample['img_path']).pred_panoptic_seg.sem_seg[0]
        ids = read_panoptic_png(out / annotation['file_name'], '')
        assert np.array_equal(ids, np.where(sem_seg % 1000 == 3, 0, sem_seg + 1))
        for segment in annotation['segments_info']:
            mask = ids == segment['id']
            assert segment['area'] == mask.sum()
            assert segment['bbox'] == list(cv2.boundingRect(mask.astype(np.uint8)))
            assert segment['category_id'] == segment['id'] % 1000
    assert not list(out.parent.glob('*.unfinished'))


def _prediction():
    """A box of 12 pixels and score 0.63, sky of 8 and score 0.16, void."""
    sem_seg = torch.full((1, 5, 6), 3)
    sem_seg[:, :2], sem_seg[:, 2:4, :4] = 1000, 2
    instance = torch.full((1, 5, 6), 0.9)
    semantic = torch.full((1, 5, 6), 0.7)
    instance[:, 2:4], semantic[:, 2:4] = 0.4, 0.4
    return PixelData(sem_seg=sem_seg, instance_scores=instance, semantic_scores=semantic)


@pytest.mark.parametrize(
    ('selection', 'expected'),
    [
        (Selection(0.0, 1, 0.0), [(1001, 1, 12, 0.63), (3, 3, 8, 0.16)]),
        (Selection(0.62, 1, 0.0), [(1001, 1, 12, 0.63)]),
        (Selection(0.64, 1, 0.0), []),
        (Selection(0.0, 9, 0.0), [(1001, 1, 12, 0.63)]),
        (Selection(0.0, 1, 0.66), [(1001, 1, 12, 0.63), (3, 3, 8, 0.16)]),
        (Selection(0.0, 1, 0.67), []),
        (Selection(0.2, 1, 0.41), []),
    ],
)
def test_filters(selection, expected):
    ids, segments = select_segments(_prediction(), 3, selection)
    found = [(s['id'], s['category_id'], s['area'], s['score']) for s in segments]
    assert sorted(found) == sorted(expected)
    assert set(np.unique(ids)) == {0, *(row[0] for row in expected)}


def test_images_of_mostly_void_are_left_out(tool, out, images):
    code, printed = tool(out, '--min-score', '1')
    assert code == 0
    assert '0 images are labelled' in printed and '4 left out as unsure' in printed
    content = _read_json(out)
    assert (content['images'], content['annotations'], out.exists()) == ([], [], False)
    with pytest.raises(ValueError, match='no image of .*labels.json is left'):
        _load(out, images)


def test_finished_work_is_not_done_again_nor_mixed_with_another(tool, tmp_path, out, files_in):
    tool(out)
    before, info = files_in(tmp_path), _read_json(out)['info']
    assert '4 images are labelled' in tool(out)[1]
    code, _ = tool(out, '--min-labelled', '0.2')
    message = f'pseudo_label.py: error: {out}.json was begun with min_labelled=0.1, not 0.2: '
    remedy = 'give another place to write to, or delete it and the PNGs to start again'
    assert code == message + remedy
    assert files_in(tmp_path) == before
    out.with_name('labels.json').unlink()
    with Journal(tmp_path / 'labels.unfinished', info):
        pass
    code, _ = tool(out, '--min-score', '0.3')
    assert 'labels.unfinished was begun with min_score=0.0, not 0.3' in code
    assert not out.with_name('labels.json').exists()


@pytest.mark.parametrize('below', ['', 'labels'])
def test_labels_are_not_written_among_the_images(tool, tmp_path, images, files_in, below):
    own = tmp_path / 'images'
    shutil.copytree(images, own)
    before = files_in(tmp_path)
    code, _ = tool(own / below, source=own)
    assert f'{own / below} is in the folder of the images, {own}: give another place' in code
    assert files_in(tmp_path) == before


def test_files_of_others_are_left_alone(tool, tmp_path, out, images, files_in):
    png = out / sorted(path.relative_to(images) for path in images.rglob('*.jpg'))[0]
    png = png.with_suffix('.png')
    png.parent.mkdir(parents=True)
    png.write_bytes(b'drawn by hand')
    code, _ = tool(out)
    assert f'{png} is there, but no record of who wrote it: give another place' in code
    assert files_in(tmp_path) == {str(png.relative_to(tmp_path)): b'drawn by hand'}
    png.unlink()
    annotations = out.with_name('labels.json')
    annotations.write_text(json.dumps(dict(images=[], annotations=[], categories=[])))
    code, _ = tool(out)
    assert f'{annotations} is no result of this command: give another place' in code
    assert list(files_in(tmp_path)) == ['labels.json']


def test_wrong_arguments_are_named(tool, tmp_path, images, folder):
    assert '--min-score must be between 0 and 1' in tool(tmp_path / 'a', '--min-score', '2')[0]
    assert 'a.json must be a folder' in tool(tmp_path / 'a.json')[0]
    unnamed = ('--cfg-options', 'test_dataloader.dataset.ann_file=absent.json')
    code, _ = tool(tmp_path / 'a', *unnamed, weights=folder / 'weights.pth')
    assert 'neither the checkpoint nor the test data set of the config names the classes' in code
    copy = tmp_path / 'copy'
    shutil.copytree(images, copy)
    (copy / '11.png').write_bytes((copy / '12.png').read_bytes())
    code, _ = tool(tmp_path / 'a', source=copy)
    assert f'images of {copy} have names that differ in their endings only' in code
    shutil.rmtree(copy)
    assert f'{copy} is not a folder of images' in tool(tmp_path / 'a', source=copy)[0]
    copy.mkdir()
    assert f'{copy} holds no image' in tool(tmp_path / 'a', source=copy)[0]
    assert not list(tmp_path.glob('a*'))
