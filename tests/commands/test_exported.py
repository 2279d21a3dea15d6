"""Commands that take an exported file in place of a model and its weights."""

import json
import os
import re

import cv2
import numpy as np
import pytest
from exported_file import CLASSES, write_file
from helpers import run_command, run_python
from mmengine.config import Config

from kmax_deeplab.exported.engines import ENGINES
from kmax_deeplab.panoptic_png import write_panoptic_png
from projects.kmax.commands import arguments

SIZE = (70, 90)


@pytest.fixture
def pictures(tmp_path):
    """A folder of three images of a box and a ball in the sky, and one that is damaged."""
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f'{number}.png'), picture(number))
    (folder / '4.png').write_bytes(b'no image')
    return folder


def picture(number):
    """Return a BGR image, of whose levels of red a file of tests makes segments."""
    image = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), np.uint8)
    image[..., 2] = 3
    image[: 20 + number, :, 2] = 2
    image[40:60, 10:50, 2], image[60:, 60:, 2] = 0, 1
    return image


@pytest.fixture
def run(capsys):
    """Return a function that runs a command; it returns its status and what it prints."""

    def run(command, *words):
        try:
            status = run_command(command, f'{command}.py', *words)
        except SystemExit as stopped:
            status = stopped.code
        printed = capsys.readouterr()
        return status, printed.err, printed.out

    return run


def test_predict_writes_what_the_file_finds(run, exported, pictures, tmp_path):
    file, out = exported(SIZE), tmp_path / 'out'
    words = (pictures, '--out', out, '--model', file, '--write', 'coco', 'side-by-side')
    status, err, printed = run('predict', *words, '--engine', 'onnxruntime', '--threads', '1')
    assert status == 1 and err.count('\n') == 1 and '4.png cannot be read as an image' in err
    assert f'3 images predicted in {out}, 1 could not be' in printed
    content = json.loads((out / 'panoptic.json').read_text())
    assert {(c['id'], c['name'], c['isthing']) for c in content['categories']} == {
        (entry['category_id'], entry['name'], int(entry['isthing'])) for entry in CLASSES
    }
    for number, annotation in enumerate(content['annotations'], start=1):
        found = {s['category_id']: s['area'] for s in annotation['segments_info']}
        assert found == {1: (20 + number) * 90, 2: 20 * 40, 3: 10 * 30}
        ids = cv2.imread(str(out / 'panoptic' / annotation['file_name']))[..., 2]
        assert np.array_equal(ids > 0, picture(number)[..., 2] < 3)
        assert cv2.imread(str(out / 'side_by_side' / f'{number}.jpg')).std() > 5


def test_predict_goes_on_with_the_same_file_only(run, exported, pictures, tmp_path):
    file, out = exported(SIZE), tmp_path / 'out'
    words = ('predict', pictures / '1.png', '--out', out, '--engine', 'onnxruntime')
    assert run(*words, '--model', file)[0] == 0
    written = (out / 'panoptic' / '1.png').stat().st_mtime_ns
    assert run(*words, '--model', file, '--resume')[0] == 0
    assert (out / 'panoptic' / '1.png').stat().st_mtime_ns == written
    other = write_file(tmp_path / 'other.onnx', SIZE)
    status, err, _ = run(*words, '--model', other, '--resume')
    assert status == 2 and 'was begun with weights=' in err and err.count('\n') == 1


def test_predict_takes_tiles_and_videos(run, exported, tmp_path):
    small, out = exported((65, 65)), tmp_path / 'out'
    cv2.imwrite(str(tmp_path / 'wide.png'), np.tile(picture(1)[:60], (1, 2, 1)))
    words = ('--out', out, '--model', small, '--engine', 'onnxruntime', '--write', 'coco')
    assert run('predict', tmp_path / 'wide.png', *words, '--tile')[0] == 0
    (annotation,) = json.loads((out / 'panoptic.json').read_text())['annotations']
    areas = sorted((s['category_id'], s['area']) for s in annotation['segments_info'])
    # The file gives all boxes one value.
    assert areas == [(1, 21 * 180), (2, 2 * 800)]
    writer = cv2.VideoWriter(str(tmp_path / 'a.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 10, (64, 64))
    for _ in range(2):
        writer.write(np.zeros((64, 64, 3), np.uint8))
    writer.release()
    status, err, printed = run('predict', tmp_path / 'a.mp4', *words)
    assert status == 0 and '1 video' in printed, err


REFUSED = {
    'weights': (['--weights', 'FILE'], '--weights is for networks, and cannot change the exported'),
    'mirror': (['--mirror', 'http://a'], '--mirror is for networks'),
    'threshold': (['--threshold', 'overlap_threshold=0.5'], '--threshold is for networks'),
    'amp': (['--amp'], '--amp is for networks'),
    'compile': (['--compile'], '--compile is for networks'),
    'clusters': (['--write', 'clusters'], '--write clusters is for networks'),
    'engine': (['--engine', 'tensorrt'], "invalid choice: 'tensorrt'"),
    'threads': (['--threads', '0'], '--threads must be at least 1, got 0'),
    'device': (['--device', 'tpu'], "device is 'tpu', but"),
    'address': (['https://a/b.jpg'], 'https://a/b.jpg is an address, and an exported file is'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_predict_cannot_do_with_a_file(case, run, exported, pictures, tmp_path):
    words, message = REFUSED[case]
    file = exported(SIZE)
    words = [file if word == 'FILE' else word for word in words]
    before = sorted(os.listdir(tmp_path))
    command = (pictures / '1.png', '--out', tmp_path / 'out', '--model', file)
    if case == 'address':
        command = (*words, *command)
        words = []
    status, err, printed = run('predict', *command, *words)
    assert status == 2 and re.search(message, err), err
    assert err.count('\n') == 1 and printed == ''
    assert sorted(os.listdir(tmp_path)) == before


def damaged(folder):
    """Return files that are none of ours, and what is said of them."""
    (folder / 'text.onnx').write_text('no model')
    return {
        folder / 'none.onnx': r'model .*none\.onnx does not exist',
        folder / 'text.onnx': r'text\.onnx (is truncated, or no ONNX file|was not written by)',
        write_file(folder / 'origin.onnx', SIZE, metadata={}): 'was not written by kmax-deeplab',
        write_file(folder / 'later.onnx', SIZE, format_version=9): 'has format version 9, and this',
        write_file(folder / 'logits.onnx', SIZE, output='logits'): 'holds logits, of which no',
    }


def test_files_of_others_are_refused_in_a_line(run, exported, pictures, tmp_path):
    exported(SIZE)
    for file, message in damaged(tmp_path).items():
        words = (pictures / '1.png', '--out', tmp_path / 'out', '--model', file)
        status, err, printed = run('predict', *words)
        assert status == 2 and re.search(message, err), err
        assert err.count('\n') == 1 and printed == '' and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('option', [('--engine', 'onnxruntime'), ('--threads', '2')])
def test_networks_have_no_engine(option, folder, named_weights, run, pictures, tmp_path):
    words = (pictures, '--out', tmp_path / 'out', '--model', folder / 'config.py')
    status, err, _ = run('predict', *words, '--weights', named_weights, *option)
    assert status == 2 and f'{option[0]} is for exported files, which end in .onnx' in err
    status, err, _ = run('test', folder / 'config.py', named_weights, *option)
    assert status == 2 and f'{option[0]} is for exported files, which end in .onnx' in err


def test_a_device_that_is_not_there_is_refused_for_networks(folder, named_weights, run, pictures):
    words = (pictures, '--out', pictures / 'out', '--model', folder / 'config.py')
    status, err, _ = run('predict', *words, '--weights', named_weights, '--device', 'tpu')
    assert status == 2 and 'argument --device: tpu cannot be used here' in err


@pytest.mark.parametrize('absent', [(), ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmpretrain')])
def test_predict_needs_and_loads_no_torch(absent, exported, pictures, tmp_path):
    out, file = tmp_path / 'out', exported(SIZE)
    words = ['predict', f'{pictures}/*.png', '--out', f'{out}', '--model', f'{file}']
    script = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from kmax_deeplab.cli import main
status = main({[*words, '--write', *('overlay', 'coco', 'side-by-side')]!r})
print(status, [name for name in ('torch', 'mmengine', 'mmdet') if sys.modules.get(name)])
"""
    result = run_python(script)
    assert result.stdout.endswith('1 []\n'), result.stderr
    assert len(list((out / 'overlay').iterdir())) == 3


def test_a_network_still_says_what_is_missing():
    """Also after a file was run in the process, which needs nothing."""
    script = """
import sys
sys.modules.update(dict.fromkeys(['torch', 'mmdet']))
from kmax_deeplab.cli import main
main(['predict', 'a.jpg', '--out', 'x', '--model', 'kmax_r50_coco'])
"""
    result = run_python(script)
    assert 'projects.kmax needs torch, mmdet, not installed here' in result.stderr


@pytest.fixture
def evaluated(pictures, tmp_path):
    """A config whose data are the pictures, with ground truth that differs on the second one."""
    (pictures / '4.png').unlink()
    images, annotations = [], []
    categories = [
        dict(id=e['category_id'], name=e['name'], isthing=int(e['isthing']), color=e['color'])
        for e in CLASSES
    ]
    for number in (1, 2, 3):
        red = picture(number)[..., 2]
        ids = np.array([2, 3, 1, 0], np.int32)[red]
        if number == 2:
            ids[ids == 3] = 0
        write_panoptic_png(tmp_path / 'truth' / f'{number}.png', ids)
        segments = [
            dict(id=i, category_id=i, iscrowd=0, area=int((ids == i).sum()), bbox=[0, 0, 1, 1])
            for i in np.unique(ids[ids > 0]).tolist()
        ]
        images.append(dict(id=number, file_name=f'{number}.png', height=SIZE[0], width=SIZE[1]))
        annotations.append(dict(image_id=number, file_name=f'{number}.png', segments_info=segments))
    truth, prefix = tmp_path / 'truth.json', str(tmp_path / 'truth')
    content = dict(images=images, annotations=annotations, categories=categories)
    truth.write_text(json.dumps(content))
    files = dict(ann_file=str(truth), data_prefix=dict(img=str(pictures), seg=prefix))
    steps = [dict(type=name) for name in ('LoadImageFromFile', 'PackKMaXInputs')]
    dataset = dict(files, type='KMaXPanopticDataset', pipeline=steps, test_mode=True)
    metric = dict(type='KMaXPanopticMetric', ann_file=str(truth), seg_prefix=prefix)
    config = Config(
        dict(
            default_scope='mmdet',
            model=dict(type='KMaXDeepLab', test_cfg=dict()),
            test_cfg=dict(type='TestLoop'),
            test_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset,
            ),
            test_evaluator=[metric, dict(type='SemSegMetric', iou_metrics=['mIoU'])],
            work_dir=str(tmp_path / 'work'),
        )
    )
    config.dump(str(tmp_path / 'config.py'))
    return tmp_path / 'config.py'


@pytest.mark.parametrize('engine', ['onnxruntime', 'openvino'])
def test_the_quality_of_a_file(engine, run, exported, evaluated, tmp_path):
    """Void of the second image hides a ball, which is neither wrong nor right then."""
    pytest.importorskip(engine, reason=f'{engine} is absent')
    words = (evaluated, exported(SIZE), '--engine', engine, '--threads', '1')
    status, err, printed = run('test', *words, '--report', tmp_path / 'report')
    assert not status, err
    text = printed + err
    assert "['SemSegMetric'] left out: an exported file gives only segments" in text
    assert re.search(r'coco_panoptic/PQ: 100\.0000', text), text
    figures = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert figures


def test_what_test_cannot_do_with_a_file(run, exported, evaluated, tmp_path):
    file = exported(SIZE)
    for option in ('--all-tasks', '--tta', '--fuse', '--compile'):
        status, err, _ = run('test', evaluated, file, option)
        assert status == 2 and f'{option} is for networks, and cannot change the exported' in err
    whole = evaluated.read_text()
    with evaluated.open('a') as config:
        config.write("\ntest_evaluator = dict(type='SemSegMetric')\n")
    status, err, _ = run('test', evaluated, file)
    assert status == 2 and 'gives panoptic segments, which none of test_evaluator' in err
    others = [dict(entry, name=f'a {entry["name"]}') for entry in CLASSES]
    other = write_file(tmp_path / 'other.onnx', SIZE, classes=others)
    evaluated.write_text(whole)
    status, err, _ = run('test', evaluated, other)
    assert status == 2 and 'has the classes a box, a ball, a sky, but' in err
    assert 'give the config of the data that the model was trained on' in err


def test_the_engines_stand_twice():
    assert arguments.ENGINES == ENGINES
