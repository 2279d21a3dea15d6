"""What is evaluated against is never written over, and every image has a file of its own."""

import hashlib
import json
import sys
from subprocess import PIPE, Popen

import numpy as np
import pytest
import torch
from mmengine.config import Config

from projects.kmax.evaluation.destinations import check_destinations
from projects.kmax.evaluation.export import PanopticExport
from projects.kmax.panoptic.files import write_panoptic_png

CATEGORIES = [dict(id=7, name='sky', isthing=0)]
NAMES = ('a.png', 'b.png')


@pytest.fixture
def truth(tmp_path):
    """Write annotations of two images, and return a function that renames what the JSON names."""
    for name in NAMES:
        write_panoptic_png(tmp_path / 'gt' / name, np.ones((4, 4), int))
    # What a wrong name might lead to.
    write_panoptic_png(tmp_path / 'mine.png', np.full((4, 4), 5))

    def make(names=NAMES, images=NAMES, annotated=True):
        segments = [dict(id=1, category_id=7, area=16)]
        content = dict(
            images=[dict(id=i, file_name=name) for i, name in enumerate(images)],
            annotations=[
                dict(image_id=i, file_name=str(name), segments_info=segments)
                for i, name in enumerate(names)
            ],
            categories=CATEGORIES,
        )
        if not annotated:
            del content['annotations']
        (tmp_path / 'gt.json').write_text(json.dumps(content))
        return dict(ann_file=f'{tmp_path}/gt.json', seg_prefix=f'{tmp_path}/gt')

    return make


def sums(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file() and path.suffix != '.in_use'
    }


def samples(paths=NAMES):
    sem_seg = torch.zeros(1, 4, 4, dtype=torch.int64)
    return [
        dict(img_id=i, img_path=f'val/{path}', pred_panoptic_seg=dict(sem_seg=sem_seg))
        for i, path in enumerate(paths)
    ]


@pytest.mark.parametrize('format_only', [True, False])
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('{}/gt/a.png', 'the file_name .* is absolute: it must be relative to the folder'),
        ('../mine.png', r'the file_name .* leads out of the folder by \.\.'),
        ('x/../../gt/a.png', r'the file_name .* leads out of the folder by \.\.'),
        ('gt\\\\a.png', '"file_name": .*, which must be a string: the name of a file, with "/" '),
        ('a\\0.png', '"file_name": .*, which must be a string: the name of a file'),
        ('', '"file_name": "", which must be a string: the name of a file'),
    ],
)
def test_names_that_lead_elsewhere(evaluate, tmp_path, truth, name, reason, format_only):
    name = name.replace('\\0', '\0').replace('\\\\', '\\').format(tmp_path)
    options = truth([name, 'b.png'])
    before = sums(tmp_path)
    prefix = str(tmp_path / 'gt' / 'r')
    with pytest.raises(ValueError, match=f'annotation of image 0 .*{reason}'):
        options |= dict(outfile_prefix=prefix, format_only=format_only)
        evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
    assert sums(tmp_path) == before


def test_a_link_in_the_unfinished_result(evaluate, tmp_path, truth):
    options = truth(['gt/a.png', 'gt/b.png'])
    (tmp_path / 'r.panoptic.partial').mkdir()
    (tmp_path / 'r.panoptic.partial' / 'gt').symlink_to(tmp_path / 'gt')
    before = sums(tmp_path)
    with pytest.raises(ValueError, match='partial/gt is a link, through which gt/a.png'):
        options |= dict(outfile_prefix=str(tmp_path / 'r'), format_only=True)
        evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
    assert sums(tmp_path) == before


@pytest.mark.parametrize('suffix', ['', '.partial', '.outdated'])
def test_a_result_does_not_replace_what_is_none(evaluate, tmp_path, truth, suffix):
    options = truth() | dict(outfile_prefix=str(tmp_path / 'r'), format_only=True)
    place = tmp_path / f'r.panoptic{suffix}'
    place.symlink_to(tmp_path / 'gt')
    before = sums(tmp_path)
    with pytest.raises(ValueError, match=f'{place} is a link to a folder'):
        evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
    place.unlink()
    place.mkdir()
    (place / 'thesis.tex').write_text('years of work')
    with pytest.raises(ValueError, match=f'{place}/thesis.tex is no prediction, but its folder'):
        evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
    assert sums(tmp_path) == before | {
        f'{place.name}/thesis.tex': hashlib.sha256(b'years of work').hexdigest()
    }


@pytest.mark.parametrize('kind', ['KMaXPanopticMetric', 'KMaXInstanceMetric'])
def test_annotations_are_no_place_to_write_to(evaluate, tmp_path, truth, kind):
    truth()
    suffix = '.panoptic' if kind == 'KMaXPanopticMetric' else '.segm'
    (tmp_path / 'gt').rename(tmp_path / f'val{suffix}')
    (tmp_path / 'gt.json').rename(tmp_path / f'val{suffix}.json')
    before = sums(tmp_path)
    options = dict(
        ann_file=f'{tmp_path}/val{suffix}.json',
        seg_prefix=f'{tmp_path}/val{suffix}',
        outfile_prefix=f'{tmp_path}/val',
        format_only=True,
    )
    with pytest.raises(ValueError, match='over the annotations .*val.* give another outfile_pre'):
        evaluate(kind, ['sky'], samples(), **options)
    assert sums(tmp_path) == before


@pytest.mark.parametrize(
    ('images', 'pngs'),
    [
        (['s0/f.jpg', 's1/f.jpg'], ['s0/f.png', 's1/f.png']),
        (['f.jpg', 'f.bmp'], ['f.bmp.png', 'f.jpg.png']),
        (['f.jpg', 'f.jpg'], ['f.jpg.png', 'f.jpg_2.png']),
        (['/v/s0/f.jpg', '/v/s1/f.jpg'], ['s0/f.png', 's1/f.png']),
        (['../s0/f.jpg', '../s1/f.jpg'], ['s0/f.png', 's1/f.png']),
        (['s0/f.jpg', 's1/g.jpg'], ['f.png', 'g.png']),
    ],
)
def test_images_of_one_name(evaluate, tmp_path, truth, images, pngs):
    options = truth(images=images, annotated=False)
    options |= dict(outfile_prefix=str(tmp_path / 'r'), format_only=True)
    evaluate('KMaXPanopticMetric', ['sky'], samples(images), **options)
    folder = tmp_path / 'r.panoptic'
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob('*.png')) == pngs
    entries = json.loads((tmp_path / 'r.panoptic.json').read_text())['annotations']
    assert sorted(entry['file_name'] for entry in entries) == pngs


def test_images_of_one_name_that_the_json_does_not_list(evaluate, tmp_path, truth):
    options = truth(images=[], annotated=False)
    options |= dict(outfile_prefix=str(tmp_path / 'r'), format_only=True)
    with pytest.raises(ValueError, match='image 0 and image 1 would be written to one file, f.png'):
        evaluate('KMaXPanopticMetric', ['sky'], samples(['s0/f.jpg', 's1/f.jpg']), **options)
    assert not (tmp_path / 'r.panoptic').exists()
    assert not (tmp_path / 'r.panoptic.json').exists()


def test_annotations_of_one_name(evaluate, tmp_path, truth):
    options = truth(['a.png', './a.png'])
    options |= dict(outfile_prefix=str(tmp_path / 'r'))
    message = r'gt.json: image 0 \(a.png\) and image 1 \(b.png\) would be written to one file, '
    with pytest.raises(ValueError, match=message):
        evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)


def test_another_run_that_writes_the_same_result(evaluate, tmp_path, truth):
    options = truth() | dict(outfile_prefix=str(tmp_path / 'r'), format_only=True)
    code = (
        'import sys; from pathlib import Path; from kmax_deeplab.locks import hold; '
        'hold(Path(), Path(sys.argv[1])); print(flush=True); sys.stdin.read()'
    )
    command = [sys.executable, '-c', code, str(tmp_path / 'r.panoptic.in_use')]
    with Popen(command, stdin=PIPE, stdout=PIPE) as other:
        other.stdout.readline()
        write_panoptic_png(tmp_path / 'r.panoptic.partial' / 'a.png', np.ones((4, 4), int))
        before = sums(tmp_path)
        message = f'{tmp_path}/r.panoptic is in use by process {other.pid} on .*: wait until'
        with pytest.raises(ValueError, match=message):
            evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
        assert sums(tmp_path) == before
        other.kill()
    evaluate('KMaXPanopticMetric', ['sky'], samples(), **options)
    written = {path.name for path in tmp_path.glob('r.*')}
    assert written == {'r.panoptic', 'r.panoptic.json'}


@pytest.mark.parametrize('place', ['val', 'train'])
def test_data_of_the_config_are_no_place_to_write_to(place):
    data = dict(
        type='D', data_root='data/', ann_file='train.panoptic.json', data_prefix=dict(a='b')
    )
    written = dict(type='KMaXInstanceMetric', ann_file='gt.json', outfile_prefix=f'data/{place}')
    panoptic = written | dict(type='KMaXPanopticMetric')
    cfg = Config(dict(default_scope='mmdet', train_dataloader=dict(dataset=data)))
    for metric in (written, panoptic):
        cfg.test_evaluator = metric
        if place == 'train' and metric is panoptic:
            with pytest.raises(ValueError, match='over the annotations data/train.panoptic.json'):
                check_destinations(cfg)
        else:
            check_destinations(cfg)


def test_files_that_came_while_predicting_stay(tmp_path):
    made = PanopticExport(str(tmp_path / 'r'))
    made.add('a.png', np.ones((2, 2), int))
    (tmp_path / 'r.panoptic').mkdir()
    (tmp_path / 'r.panoptic' / 'thesis.docx').write_text('mine')
    with pytest.raises(ValueError, match='thesis.docx is no prediction, but its folder would be'):
        made.publish([dict(file_name='a.png')])
    assert (tmp_path / 'r.panoptic' / 'thesis.docx').read_text() == 'mine'
    assert (tmp_path / 'r.panoptic.partial' / 'a.png').exists()
