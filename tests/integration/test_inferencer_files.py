"""The inferencer writes a file for each image, whole, and none over an image."""

import errno
import hashlib
import json
import os
import shutil

import cv2
import pytest
from mmdet.apis import DetInferencer


@pytest.fixture
def inferencer(folder):
    return DetInferencer(
        model=str(folder / 'everything.py'), weights=None, device='cpu', show_progress=False
    )


@pytest.fixture
def images(folder, tmp_path):
    """Two images of one name."""
    paths = [tmp_path / place / 'f.png' for place in ('s0', 's1')]
    for number, path in enumerate(paths, start=1):
        path.parent.mkdir()
        shutil.copy(folder / 'images' / f'{number}.png', path)
    return [str(path) for path in paths]


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


NUMBERED = [
    *('preds/f.json', 'preds/f_2.json', 'preds/f_2_panoptic_seg.png', 'preds/f_panoptic_seg.png'),
    *('vis/f.png', 'vis/f_2.png'),
]


@pytest.mark.parametrize('calls', [1, 2])
def test_images_of_one_name(inferencer, images, tmp_path, calls):
    out = tmp_path / 'out'
    for inputs in [images] if calls == 1 else [[image] for image in images]:
        inferencer(inputs, out_dir=str(out), no_save_pred=False)
    assert files(out) == sorted(NUMBERED)
    for stem in ('f', 'f_2'):
        png = json.loads((out / 'preds' / f'{stem}.json').read_text())['panoptic_seg_path']
        assert png == str(out / 'preds' / f'{stem}_panoptic_seg.png')
        assert cv2.imread(png) is not None
    # The same image again is no other one.
    results = inferencer(images, out_dir=str(out), no_save_pred=False)['predictions']
    assert files(out) == sorted(NUMBERED)
    assert results[1]['panoptic_seg_path'] == f'{out}/preds/f_2_panoptic_seg.png'


def test_an_image_is_not_drawn_over(inferencer, images, tmp_path):
    (tmp_path / 's0').rename(tmp_path / 'vis')
    image = tmp_path / 'vis' / 'f.png'
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match='vis/f.png would replace the image that it shows'):
        inferencer(str(image), out_dir=str(tmp_path))
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
    assert files(tmp_path) == ['s1/f.png', 'vis/f.png']


@pytest.mark.parametrize(
    ('option', 'name'), [('no_save_pred', 'vis/f.png'), ('no_save_vis', 'preds/f.json')]
)
def test_a_full_disk_leaves_no_part(inferencer, images, tmp_path, monkeypatch, option, name):
    from mmengine.fileio import LocalBackend

    def fill(self, content, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(content[:10] if isinstance(content, bytes) else b'half')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(LocalBackend, 'put', fill)
    options = dict(no_save_pred=False, no_save_vis=False) | {option: True}
    with pytest.raises(OSError, match=f'No space left on device: .{tmp_path}/out/{name}'):
        inferencer(images[0], out_dir=str(tmp_path / 'out'), **options)
    assert files(tmp_path / 'out') == []
