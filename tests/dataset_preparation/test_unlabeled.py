"""Folders of images without annotations."""

import json

from mmdet.registry import DATASETS
from mmengine.registry import init_default_scope


def test_unlabeled_images_are_listed(tmp_path, convert, forge):
    for name in ('000000000008.jpg', '000000000012.png', '.000000000013.jpg.7.7'):
        forge.image(tmp_path / 'images' / 'a.png', 1)
        (tmp_path / 'images' / 'a.png').rename(tmp_path / 'images' / name)
    out = tmp_path / 'unlabeled.json'
    code, printed = convert('unlabeled', tmp_path / 'images', out)
    assert (code, '2 images are listed' in printed) == (0, True)
    content = json.loads(out.read_text())
    assert content['images'] == [
        dict(id=8, file_name='000000000008.jpg', width=32, height=24),
        dict(id=12, file_name='000000000012.png', width=32, height=24),
    ]
    init_default_scope('mmdet')
    cfg = dict(type='KMaXCocoPanopticDataset', ann_file=str(out), test_mode=True, pipeline=[])
    assert len(DATASETS.build({**cfg, 'data_prefix': dict(img=str(tmp_path / 'images'))})) == 2


def test_unlabeled_names_a_damaged_image_and_writes_nothing(tmp_path, convert, forge):
    forge.image(tmp_path / 'images' / 'b' / 'one.jpg')
    (tmp_path / 'images' / 'two.jpg').write_bytes(b'no image')
    out = tmp_path / 'unlabeled.json'
    code, printed = convert('unlabeled', tmp_path / 'images', out)
    assert code == 'unlabeled.py: error: 1 files or annotations are faulty'
    assert 'images/two.jpg is truncated or not an image' in printed
    assert not out.exists()
    code, _ = convert('unlabeled', tmp_path / 'absent', out)
    assert code == f'unlabeled.py: error: {tmp_path}/absent is not a folder of images'
