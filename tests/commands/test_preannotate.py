"""The command that writes tasks for Label Studio: its files, and what it refuses."""

import json
import sys
from functools import partial

import numpy as np
import pytest

from projects.kmax.apis import KMaXInferencer
from projects.kmax.commands.preannotate import LABELLING, TASKS

URL = 'https://example.org/photos'


@pytest.fixture
def preannotate(command_on_model):
    """Return a function that runs the command; it returns its status and what it prints."""
    return partial(command_on_model, 'preannotate')


@pytest.fixture
def brush():
    """What reads masks of Label Studio, where it is there."""
    name, reason = 'label_studio_sdk.converter.brush', 'label-studio-sdk is not installed'
    return pytest.importorskip(name, reason=reason)


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


def test_the_tasks_of_a_folder(brush, preannotate, images, out, folder, named_weights):
    status, err, printed = preannotate(images, '--out', out, '--image-url', URL)
    assert status == 1 and err.count('\n') == 1
    assert err.startswith('preannotate.py: error: ') and '15.jpg cannot be read as an image' in err
    assert f'4 images annotated in {out / TASKS}, 1 could not be read' in printed
    assert {path.name for path in out.iterdir()} == {TASKS, LABELLING}
    tasks = json.loads((out / TASKS).read_text())
    names = ['11.jpg', '12.png', '13.jpg', 'more/14.jpg']
    assert [task['data']['image'] for task in tasks] == [f'{URL}/{name}' for name in names]
    inferencer = KMaXInferencer(folder / 'everything.py', named_weights, 'cpu')
    for name, task in zip(names, tasks, strict=True):
        result = inferencer(images / name)
        [prediction] = task['predictions']
        assert prediction['model_version'] == 'everything'
        assert len(prediction['result']) == len(result.segments_info) > 0
        ids = np.zeros_like(result.id_map)
        for number, region in enumerate(prediction['result'], start=1):
            rle = brush.decode_rle(region['value']['rle'])
            ids[rle.reshape(*ids.shape, 4)[..., 0] > 0] = number
        assert np.array_equal(ids, result.id_map)
    before = {path: path.read_bytes() for path in out.iterdir()}
    status, err, _ = preannotate(images, '--out', out, '--image-url', URL)
    assert status == 2 and f'--out: {out / TASKS} is there already; give another folder' in err
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_names_become_addresses(brush, preannotate, images, tmp_path, out):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a #1.jpg').write_bytes((images / '11.jpg').read_bytes())
    prefix = '/data/local-files/?d='
    status, err, printed = preannotate(tmp_path / 'photos', '--out', out, '--image-url', prefix)
    assert status == 0 and err == '' and f'1 image annotated in {out / TASKS}\n' in printed
    [task] = json.loads((out / TASKS).read_text())
    assert task['data']['image'] == '/data/local-files/?d=a%20%231.jpg'


def test_nothing_is_left_where_no_image_can_be_read(brush, preannotate, tmp_path, out):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / '1.jpg').write_bytes(b'no image')
    status, err, printed = preannotate(tmp_path / 'photos', '--out', out, '--image-url', URL)
    assert status == 2 and 'annotated' not in printed and err.count('\n') == 1
    assert 'photos can be read; the first: ' in err and '1.jpg cannot be read' in err
    assert not out.exists()


@pytest.mark.parametrize(
    ('source', 'url', 'message'),
    [
        ('nowhere', URL, 'nowhere is not a folder of images'),
        ('empty', URL, 'empty holds no image'),
        ('empty', 'photos/', "--image-url: 'photos/' is no address: give one as https://HOST"),
    ],
)
def test_bad_input(preannotate, tmp_path, out, source, url, message):
    (tmp_path / 'empty').mkdir()
    status, err, _ = preannotate(tmp_path / source, '--out', out, '--image-url', url)
    assert status == 2 and message in err and err.count('\n') == 1
    assert not out.exists()


def test_the_missing_package_is_named(preannotate, images, out, monkeypatch):
    for name in ('label_studio_sdk', 'label_studio_sdk.converter.brush'):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, 'projects.kmax.integrations.label_studio', raising=False)
    status, err, _ = preannotate(images, '--out', out, '--image-url', URL)
    assert status == 2 and err.count('\n') == 1
    assert "encoded by label-studio-sdk: pip install 'kmax-deeplab[annotators]'" in err
    assert not out.exists()
