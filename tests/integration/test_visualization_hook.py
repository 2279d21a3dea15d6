import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData

from projects.kmax.engine.hooks import KMaXSegVisualizationHook


def test_test_run_draws_every_image(folder, tmp_path):
    config = Config.fromfile(str(folder / 'everything.py'))
    hook = dict(type='DetVisualizationHook', draw=True, test_out_dir='drawn')
    config.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            load_from=str(folder / 'weights.pth'),
            default_hooks=dict(visualization=hook),
            test_cfg=dict(type='TestLoop'),
            test_evaluator=dict(type='DumpDetResults', out_file_path=str(tmp_path / 'results.pkl')),
        )
    )
    config.test_dataloader.update(
        batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False)
    )
    Runner.from_cfg(config).test()
    assert len(list(tmp_path.glob('*/drawn/*.png'))) == 3


@pytest.fixture
def test_run(folder, tmp_path):
    """Return a function that tests on two images of one name and draws to a folder."""
    content = json.loads((folder / 'panoptic.json').read_text())
    for number, image in enumerate(content['images'][:2], start=1):
        (tmp_path / 'data' / f's{number}').mkdir(parents=True)
        shutil.copy(folder / 'images' / f'{number}.png', tmp_path / 'data' / f's{number}' / 'f.png')
        image['file_name'] = f's{number}/f.png'
    content = dict(content, images=content['images'][:2], annotations=content['annotations'][:2])
    (tmp_path / 'two.json').write_text(json.dumps(content))
    config = Config.fromfile(str(folder / 'everything.py'))
    out = dict(type='DumpDetResults', out_file_path=str(tmp_path / 'results.pkl'))
    loader = config.test_dataloader
    loader.update(batch_size=1, num_workers=0, persistent_workers=False)
    loader.sampler = dict(type='DefaultSampler', shuffle=False)
    loader.dataset.update(ann_file=str(tmp_path / 'two.json'))
    loader.dataset.data_prefix.img = str(tmp_path / 'data')

    def run(show_dir):
        hook = dict(type='KMaXVisualizationHook', draw=True, test_out_dir=str(show_dir))
        config.merge_from_dict(
            dict(
                work_dir=str(tmp_path / 'run'),
                experiment_name=f'{tmp_path.name}{show_dir}'.replace('/', ''),
                load_from=str(folder / 'weights.pth'),
                default_hooks=dict(visualization=hook),
                test_cfg=dict(type='TestLoop'),
                test_evaluator=out,
            )
        )
        Runner.from_cfg(config).test()

    return run


def test_images_of_one_name_are_drawn_to_their_folders(test_run, tmp_path):
    test_run('drawn')
    (drawn,) = tmp_path.glob('run/*/drawn')
    files = sorted(str(path.relative_to(drawn)) for path in drawn.rglob('*.*'))
    assert files == ['s1/f.png', 's2/f.png']


def test_images_are_not_drawn_over(test_run, tmp_path):
    images = list((tmp_path / 'data').rglob('*.png'))
    before = [path.read_bytes() for path in images]
    with pytest.raises(ValueError, match='data/s1/f.png would replace the image that it shows'):
        test_run(tmp_path / 'data')
    assert [path.read_bytes() for path in images] == before
    assert sorted((tmp_path / 'data').rglob('*.png')) == sorted(images)


def test_semantic_predictions_of_one_name_are_drawn_to_their_folders(tmp_path):
    from mmseg.structures import SegDataSample
    from mmseg.visualization import SegLocalVisualizer

    visualizer = SegLocalVisualizer.get_instance(tmp_path.name)
    visualizer.dataset_meta = dict(classes=('a', 'b'), palette=[(1, 2, 3), (4, 5, 6)])
    samples = []
    for name in ('s1/f.png', 's2/f.png'):
        path = tmp_path / name
        path.parent.mkdir()
        cv2.imwrite(str(path), np.zeros((8, 9, 3), np.uint8))
        labels = PixelData(data=torch.zeros(1, 8, 9, dtype=torch.int64))
        samples.append(SegDataSample(pred_sem_seg=labels, metainfo=dict(img_path=str(path))))
    infos = [dict(img_path=sample.img_path) for sample in samples]
    hook = KMaXSegVisualizationHook(draw=True, test_out_dir='drawn')
    hook._visualizer = visualizer
    dataset = type('Infos', (list,), dict(get_data_info=list.__getitem__))(infos)
    loader = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    runner = SimpleNamespace(work_dir=tmp_path, timestamp='t', test_loop=loader, iter=0)
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, {}, samples)
    hook.after_val_iter(runner, 0, {}, samples)
    drawn = sorted(str(p.relative_to(tmp_path / 't/drawn')) for p in tmp_path.glob('t/**/*.png'))
    assert drawn == ['s1/f.png', 's2/f.png']
