"""The command that predicts files: what it writes, where it goes on, and what it refuses."""

import json
import os
import re
import shutil
import socket
from functools import partial

import cv2
import numpy as np
import pytest
from helpers import run_command

from projects.kmax.apis import KMaXInferencer, prediction
from projects.kmax.released.locating import locate_demo

EVERYTHING = ('overlay', 'coco', 'side-by-side', 'clusters')


@pytest.fixture
def predict(command_on_model):
    """Return a function that runs the command; it returns its status and what it prints."""
    return partial(command_on_model, 'predict')


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'out'


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def write_video(path, frames, size=(90, 70)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), 10, size)
    rng = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    writer.release()


def test_everything_of_a_folder(predict, images, out, folder, named_weights):
    status, err, printed = predict(images, '--out', out, '--write', *EVERYTHING)
    assert status == 1 and err.count('\n') == 1
    assert '15.jpg cannot be read as an image' in err
    assert f'4 images predicted in {out}, 1 could not be' in printed
    names = ['11', '12', '13', '14']
    pictures = {
        f'{kind}/{n}.jpg' for kind in ('overlay', 'side_by_side', 'clusters') for n in names
    }
    maps = {f'panoptic/{name}.png' for name in names}
    assert files_in(out).keys() == {*pictures, *maps, 'panoptic.json', prediction.JOURNAL}
    for name in pictures:
        assert cv2.imread(str(out / name)).std() > 5
    content = json.loads((out / 'panoptic.json').read_text())
    assert [i['file_name'] for i in content['images']] == [
        *('11.jpg', '12.png', '13.jpg', '14.jpg')
    ]
    assert [a['image_id'] for a in content['annotations']] == [i['id'] for i in content['images']]
    inferencer = KMaXInferencer(folder / 'everything.py', named_weights, 'cpu')
    for image, annotation in zip(content['images'], content['annotations'], strict=True):
        [path] = images.rglob(image['file_name'])
        result = inferencer(path)
        assert (image['height'], image['width']) == result.id_map.shape
        ids = cv2.imread(str(out / 'panoptic' / annotation['file_name']))[..., ::-1]
        assert np.array_equal(ids.astype(int) @ (1, 256, 65536), result.id_map)
        areas = {s['id']: s['area'] for s in annotation['segments_info']}
        assert areas == {s['id']: s['area'] for s in result.segments_info}


def test_it_asks_no_network(predict, images, out, monkeypatch):
    """A socket of the machine alone is no network: data workers and threads may have them."""

    class Socket(socket.socket):
        def __init__(self, family=socket.AF_INET, *args, **kwargs):
            assert family not in (socket.AF_INET, socket.AF_INET6), 'it opens a connection'
            super().__init__(family, *args, **kwargs)

    def resolve(host, *args, **kwargs):
        raise AssertionError(f'it asks for {host}')

    monkeypatch.setattr(socket, 'socket', Socket)
    for name in ('getaddrinfo', 'gethostbyname', 'create_connection'):
        monkeypatch.setattr(socket, name, resolve)
    status, _, printed = predict(images / '11.jpg', '--out', out, '--write', *EVERYTHING)
    assert status == 0 and f'1 image predicted in {out}' in printed


def test_it_goes_on_where_it_stopped(predict, images, out, monkeypatch):
    seen = []
    write = prediction.write_outputs

    def stop_at_third(result, files):
        seen.append(result.path)
        if len(seen) == 3:
            write(result, dict(list(files.items())[:1]))  # Some of its files, not all.
            raise KeyboardInterrupt
        write(result, files)

    monkeypatch.setattr(prediction, 'write_outputs', stop_at_third)
    status, err, _ = predict(images, '--out', out)
    assert status == 130 and err.endswith('error: interrupted\n')
    before = files_in(out)
    assert sum(name.startswith('panoptic/') for name in before) == 2
    status, err, printed = predict(images, '--out', out, '--resume')
    assert status == 1 and '15.jpg' in err and '4 images' in printed
    assert len(seen) == 5 and len(set(seen)) == 4
    after = files_in(out)
    assert all(after[name] == before[name] for name in before if name != prediction.JOURNAL)
    assert len(json.loads(after['panoptic.json'])['annotations']) == 4
    status, err, _ = predict(images, '--out', out, '--resume', '--threshold', 'overlap_threshold=1')
    assert status == 2 and "was begun with thresholds={}, not {'overlap_threshold': 1}" in err
    assert files_in(out) == after
    # Begun anew, it replaces what it wrote itself, now or in runs before.
    for name in ('11.jpg', '12.png', '11.jpg'):
        status, err, _ = predict(images / name, '--out', out, '--threshold', 'overlap_threshold=1')
        assert status == 0, err


def test_results_of_another_image_are_not_taken_for_done(predict, images, tmp_path, out):
    folders = [tmp_path / 'a', tmp_path / 'b']
    for folder, source in zip(folders, ('11.jpg', '13.jpg'), strict=True):
        folder.mkdir()
        shutil.copy(images / source, folder / 'x.jpg')
    heights = []
    for folder in (*folders, folders[0], folders[0]):
        assert predict(folder / 'x.jpg', '--out', out, '--resume')[0] == 0
        heights.append(cv2.imread(str(out / 'panoptic' / 'x.png')).shape[0])
    assert heights == [70, 80, 70, 70]
    shutil.copy(images / '12.png', folders[0] / 'x.jpg')
    assert predict(folders[0] / 'x.jpg', '--out', out, '--resume')[0] == 0
    assert cv2.imread(str(out / 'panoptic' / 'x.png')).shape[0] == 75


def test_results_within_the_folder_that_is_read(predict, images, tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in ('a.jpg', 'a.png', 'b.jpg'):
        shutil.copy(images / '11.jpg', folder / name)
    for _ in range(2):
        status, err, printed = predict(folder, folder, '--out', folder / 'out')
        assert status == 0 and '3 images predicted' in printed, err
    content = json.loads((folder / 'out' / 'panoptic.json').read_text())
    assert [i['file_name'] for i in content['images']] == ['a.jpg', 'a.png', 'b.jpg']
    names = [annotation['file_name'] for annotation in content['annotations']]
    assert names == ['a.jpg.png', 'a.png.png', 'b.png']


def test_a_video(predict, tmp_path, out):
    write_video(tmp_path / 'ride.mp4', 3)
    status, err, printed = predict(tmp_path / 'ride.mp4', '--out', out)
    assert status == 0, err
    assert '1 video (each frame by itself) predicted' in printed
    capture = cv2.VideoCapture(str(out / 'video' / 'ride.mp4'))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == 3 and frames[0].shape == (70, 90, 3) and capture.get(5) == 10
    assert files_in(out).keys() == {'video/ride.mp4', prediction.JOURNAL}
    assert predict(tmp_path / '*.mp4', '--out', out, '--resume')[0] == 0
    status, err, _ = predict(tmp_path / 'ride.mp4', '--out', out, '--tile', 80)
    assert status == 2 and '--tile is for images, and ' in err


def test_a_video_that_breaks_off(predict, tmp_path, out):
    video = tmp_path / 'ride.avi'
    write_video(video, 8)
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    status, err, _ = predict(video, '--out', out)
    assert status == 0 and 'ride.avi: only ' in err and ' of 8 frames could be read' in err


def test_videos_without_frames(predict, tmp_path, out, images):
    write_video(tmp_path / 'none.mp4', 0)
    (tmp_path / 'text.mkv').write_text('no video')
    status, err, _ = predict(tmp_path / 'none.mp4', tmp_path / 'text.mkv', '--out', out)
    assert status == 2 and err.count(' holds no frame that can be read') == 2
    assert not out.exists()
    status, err, _ = predict(tmp_path / 'none.mp4', images / '11.jpg', '--out', out)
    assert status == 1 and err.count('\n') == 1 and (out / 'overlay' / '11.jpg').is_file()


def test_a_name_that_no_result_can_have(predict, images, tmp_path, out):
    folder = tmp_path / 'in'
    folder.mkdir()
    for name in ('a.jpg', 'b\nc.jpg'):
        shutil.copy(images / '11.jpg', folder / name)
    status, err, _ = predict(folder, '--out', out)
    assert status == 1 and err.count('\n') == 1 and 'holds a control character' in err
    assert (out / 'overlay' / 'a.jpg').is_file()


def test_tiles(predict, images, tmp_path, out):
    image = cv2.imread(str(images / '11.jpg'))
    cv2.imwrite(str(tmp_path / 'large.png'), np.tile(image, (3, 3, 1)))
    status, err, _ = predict(tmp_path / 'large.png', '--out', out, '--tile', 80)
    assert status == 0, err
    [annotation] = json.loads((out / 'panoptic.json').read_text())['annotations']
    assert sum(s['area'] for s in annotation['segments_info']) <= 210 * 270
    status, err, _ = predict(tmp_path / 'large.png', '--out', out, '--tile')
    assert status == 2 and 'takes images of any size: give --tile a number of pixels' in err


def test_nothing_of_others_is_replaced(predict, images, tmp_path, out):
    (out / 'overlay').mkdir(parents=True)
    (out / 'overlay' / '11.jpg').write_text('mine')
    status, err, _ = predict(images / '11.jpg', '--out', out)
    assert status == 2 and f'{out}/overlay/11.jpg is there, and no former prediction wrote' in err
    assert files_in(out) == {'overlay/11.jpg': b'mine'}
    own = tmp_path / 'in' / 'overlay' / 'a.jpg'
    own.parent.mkdir(parents=True)
    shutil.copy(images / '11.jpg', own)
    before = files_in(tmp_path)
    status, err, _ = predict(own, '--out', tmp_path / 'in')
    assert status == 2 and f'{own} would replace an image that is read' in err
    assert files_in(tmp_path) == before


REFUSED = {
    'empty folder': (['EMPTY'], 'EMPTY holds no image'),
    'pattern': (['EMPTY/*.jpg'], r'no image fits EMPTY/\*\.jpg'),
    'place': (['ftp9://a/b.jpg'], 'ftp9://a/b.jpg cannot be read: ftp9 is no known place'),
    'no name': ([''], 'an empty name is no image: give a path'),
    'mirror': (['IMAGE', '--mirror', 'http://a'], '--mirror is for the weights of a released'),
    'no result': (['IMAGE', '--threshold', 'panoptic_on=0'], 'panoptic_on'),
    'missing': (['none.jpg'], 'none.jpg cannot be read as an image'),
    'threshold': (['IMAGE', '--threshold', 'overlap_threshold=2'], 'test_cfg.overlap_threshold'),
    'unknown': (['IMAGE', '--threshold', 'x=1'], r"test_cfg has unknown fields \['x'\]"),
    'no number': (['IMAGE', '--threshold', 'x=y'], "'x=y' is not NAME=VALUE with a number"),
    'tile': (['IMAGE', '--tile', '8'], "must be a number of pixels from 64 on, not '8'"),
    'both': (['IMAGE', '--tile', '99', '--write', 'clusters'], '--tile cannot be used with'),
    'weights': (['IMAGE', '--weights', 'none.pth'], 'file none.pth does not exist'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_calls_that_make_no_sense(case, predict, images, tmp_path, out, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'EMPTY').mkdir()
    words, message = REFUSED[case]
    weights = [words[-1]] if case == 'weights' else []
    words = [images / '11.jpg' if word == 'IMAGE' else word for word in words]
    status, err, _ = predict(*words, '--out', out, **({'weights': weights[0]} if weights else {}))
    assert status == 2 and err.count('\n') == 1, err
    assert re.search(message, err)
    assert not out.exists()


def test_folders_that_cannot_be_written(predict, images, tmp_path):
    (tmp_path / 'file').write_text('mine')
    status, err, _ = predict(images / '11.jpg', '--out', tmp_path / 'file')
    assert status == 2 and f'--out: {tmp_path}/file is a file; name a folder' in err
    status, err, _ = predict(images / '11.jpg', '--out', '/proc/out')
    assert status == 2 and '/proc/out' in err and err.count('\n') == 1
    assert os.listdir(tmp_path) == ['file']


def test_without_a_model(tmp_path, monkeypatch, capsys, images):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run_command('predict', 'predict.py', images, '--out', 'out')
    assert stopped.value.code == 2
    assert 'there is no demo model in work_dirs/quickstart: make it by' in capsys.readouterr().err
    demo = tmp_path / 'work_dirs' / 'quickstart'
    demo.mkdir(parents=True)
    for name in ('kmax_x.py', 'iter_3.pth'):
        (demo / name).touch()
    (demo / 'last_checkpoint').write_text(str(demo / 'iter_3.pth'))
    assert locate_demo() == ('work_dirs/quickstart/kmax_x.py', str(demo / 'iter_3.pth'))
