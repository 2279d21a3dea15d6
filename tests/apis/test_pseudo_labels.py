"""Pseudo-labels load as a data set; what a killed run leaves is not taken for one."""

import projects.kmax  # noqa: I001  (before anything of mmdet)

import importlib.util
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from mmdet.registry import DATASETS
from mmengine.structures import PixelData

from projects.kmax.atomic_file import open_atomically
from projects.kmax.panoptic_format import read_panoptic_png
from projects.kmax.pseudo_labels import Selection, label_images
from projects.kmax.pseudo_labels.journal import Journal
from projects.kmax.pseudo_labels.selection import select_segments

ROOT = Path(projects.kmax.__file__).parents[2]
CLASSES = ('box', 'ball', 'sky')
ANY = ('--min-score', '0', '--min-area', '1', '--min-labelled', '0.1')
CONTEXT = multiprocessing.get_context('fork')


@pytest.fixture(scope='module')
def checkpoint(folder):
    """The tiny model's weights with the names of its classes."""
    path = folder / 'named.pth'
    meta = dict(dataset_meta=dict(classes=CLASSES, palette=[(9, 9, 9), (0, 9, 9), (9, 0, 9)]))
    state = torch.load(folder / 'weights.pth')
    torch.save(dict(state_dict=state, meta=meta), path)
    return path


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Five images, one of them damaged, one in a folder of its own, of different sizes."""
    folder = tmp_path_factory.mktemp('images') / 'unlabeled'
    (folder / 'more').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, height in (('11.jpg', 70), ('12.png', 75), ('13.jpg', 80), ('more/14.jpg', 85)):
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (height, 90, 3), np.uint8))
    (folder / '15.jpg').write_bytes(b'no image')
    return folder


@pytest.fixture(scope='module')
def whole(tmp_path_factory, folder, checkpoint, images):
    """What an undisturbed run writes."""
    out = tmp_path_factory.mktemp('whole') / 'labels'
    model = init_detector(str(folder / 'everything.py'), str(checkpoint), device='cpu')
    label_images(model, images, out, Selection(0, 1, 0.1), '', 0, lambda items, *_: items)
    return out


@pytest.fixture
def tool(monkeypatch, capsys, folder, checkpoint, images):
    """Return a function that runs the command in this process."""
    path = ROOT / 'tools' / 'pseudo_label.py'
    spec = importlib.util.spec_from_file_location('pseudo_label', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(out, *options, weights=checkpoint, source=images):
        words = ['pseudo_label.py', folder / 'everything.py', weights, source, out]
        words += ['--workers', 0, '--device', 'cpu', *options]
        monkeypatch.setattr('sys.argv', [str(word) for word in words])
        try:
            module.main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        return code, ' '.join(capsys.readouterr().out.split())

    return run


def _read_json(out):
    return json.loads(out.with_name(f'{out.name}.json').read_text())


def _read(out):
    """Return the annotations and the bytes of every PNG."""
    pngs = {str(path.relative_to(out)): path.read_bytes() for path in _pngs(out)}
    content = _read_json(out)
    return [content[key] for key in ('images', 'annotations', 'categories')], pngs


def _pngs(out):
    return sorted(path for path in out.rglob('*') if path.is_file())


def _load(out, images):
    cfg = dict(
        type='KMaXPanopticDataset',
        ann_file=str(out.with_name(f'{out.name}.json')),
        data_prefix=dict(img=str(images), seg=str(out)),
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds')],
    )
    return DATASETS.build(cfg)


def test_result_loads_and_agrees_with_the_prediction(tool, tmp_path, images, folder, checkpoint):
    out = tmp_path / 'labels'
    code, printed = tool(out, *ANY)
    assert code == 0
    assert '4 images are labelled' in printed and '0 left out as unsure, 1 could not' in printed
    content = _read_json(out)
    assert [image['id'] for image in content['images']] == [11, 12, 13, 14]
    assert 'unlabeled/15.jpg' in content['info']['unreadable'][0]
    dataset = _load(out, images)
    assert dataset.metainfo['classes'] == CLASSES
    assert dataset.metainfo['thing_classes'] == ('box', 'ball')
    model = init_detector(str(folder / 'everything.py'), str(checkpoint), device='cpu')
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
    assert not list(tmp_path.glob('*.unfinished'))


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


def test_images_of_mostly_void_are_left_out(tool, tmp_path, images):
    out = tmp_path / 'labels'
    code, printed = tool(out, '--min-score', '1')
    assert code == 0
    assert '0 images are labelled' in printed and '4 left out as unsure' in printed
    (labelled, annotations, _), pngs = _read(out)
    assert (labelled, annotations, pngs) == ([], [], {})
    with pytest.raises(ValueError, match='no image of .*labels.json is left'):
        _load(out, images)


def _kill_when(tool, out, condition):
    process = CONTEXT.Process(target=_run_quietly, args=(tool, out))
    process.start()
    deadline = time.monotonic() + 120
    while not condition() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode


def _run_quietly(tool, out):
    torch.set_num_threads(1)
    tool(out, *ANY)


def _die_while_writing(path):
    with open_atomically(path) as file:
        file.write(b'half')
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize('lines', [1, 3])
def test_killed_run_leaves_nothing_to_be_read_and_goes_on(
    lines, tool, tmp_path, monkeypatch, whole
):
    out = tmp_path / 'labels'
    journal = tmp_path / 'labels.unfinished'
    # Slow enough to be killed between any two images.
    append = Journal.append
    monkeypatch.setattr(Journal, 'append', lambda *args: (append(*args), time.sleep(0.3)))
    code = _kill_when(
        tool, out, lambda: journal.exists() and journal.read_bytes().count(b'\n') > lines
    )
    assert code == -signal.SIGKILL
    assert not out.with_name('labels.json').exists()
    written = {path.name: path.stat().st_mtime_ns for path in _pngs(out)}
    assert 0 < len(written) < 4
    assert all(cv2.imread(str(path)) is not None for path in _pngs(out))
    # And half a line.
    with journal.open('ab') as file:
        file.write(b'{"file_name": "13.j')
    # A kill within a write leaves temporary files.
    for path in (out / '13.png', out / 'more' / '14.png'):
        process = CONTEXT.Process(target=_die_while_writing, args=(path,))
        process.start()
        process.join()
        assert list(path.parent.glob(f'{path.name}.*')), 'nothing was left'
    monkeypatch.undo()
    assert tool(out, *ANY)[0] == 0
    assert _read(out) == _read(whole)
    now = {path.name: path.stat().st_mtime_ns for path in _pngs(out)}
    assert written.items() <= now.items()
    assert not list(tmp_path.glob('*.unfinished'))


def test_json_is_on_the_disk_before_the_journal_goes(tool, tmp_path, monkeypatch):
    steps = []
    fsync, unlink = os.fsync, Path.unlink

    def record_sync(descriptor):
        steps.append(('sync', Path(os.readlink(f'/proc/self/fd/{descriptor}')).name))
        fsync(descriptor)

    def record_unlink(path, **options):
        steps.append(('unlink', path.name))
        unlink(path, **options)

    monkeypatch.setattr(os, 'fsync', record_sync)
    monkeypatch.setattr(Path, 'unlink', record_unlink)
    assert tool(tmp_path / 'labels', *ANY)[0] == 0
    before = steps[: steps.index(('unlink', 'labels.unfinished'))]
    assert any(step == 'sync' and name.startswith('labels.json') for step, name in before)
    # And the folder with its name.
    assert ('sync', tmp_path.name) in before


def test_png_lost_with_the_power_is_written_again(tool, tmp_path, whole):
    out = tmp_path / 'labels'
    tool(out, *ANY)
    content = _read_json(out)
    entries = [
        {**image, **annotation, 'file_name': image['file_name']}
        for image, annotation in zip(content['images'], content['annotations'], strict=True)
    ]
    settings = {k: v for k, v in content['info'].items() if k not in ('counts', 'unreadable')}
    with Journal(tmp_path / 'labels.unfinished', settings) as journal:
        for entry in entries:
            journal.append(entry)
    out.with_name('labels.json').unlink()
    (out / '11.png').unlink()
    (out / '12.png').write_bytes(b'')
    assert tool(out, *ANY)[0] == 0
    assert _read(out) == _read(whole)


def test_finished_work_is_not_done_again_nor_mixed_with_another(tool, tmp_path):
    out = tmp_path / 'labels'
    tool(out, *ANY)
    before, info = _read(out), _read_json(out)['info']
    assert '4 images are labelled' in tool(out, *ANY)[1]
    code, _ = tool(out, *ANY[:-1], '0.2')
    message = f'pseudo_label.py: error: {out}.json was begun with min_labelled=0.1, not 0.2: '
    assert code == message + 'give another place to write to, or delete it to start again'
    assert _read(out) == before
    out.with_name('labels.json').unlink()
    with Journal(tmp_path / 'labels.unfinished', info):
        pass
    code, _ = tool(out, '--min-score', '0.3')
    assert 'labels.unfinished was begun with min_score=0.0, not 0.3' in code
    assert not out.with_name('labels.json').exists()


def test_wrong_arguments_are_named(tool, tmp_path, images, folder):
    assert tool(tmp_path / 'a', '--min-score', '2')[0] == 2
    assert tool(tmp_path / 'a.json')[0] == 2
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
