"""``kmax-deeplab benchmark``."""

import json

import pytest
import torch
from helpers import NANO, ROOT
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from kmax_deeplab import cli

FIGURES = {
    *('median_s', 'min_s', 'cpu_s', 'spread', 'images_per_s'),
    *('peak_mib', 'parameters_m', 'gmacs', 'stages'),
}
MASKFORMER = 'mmdet::maskformer/maskformer_r50_ms-16xb1-75e_coco.py'
SMALL = (NANO, '--size', 65, 97, '--runs', 1, '--warmup', 0, '--segments', 5)


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    """Loggers, scopes, threads and the allocator's settings are those of before."""
    monkeypatch.setattr(MMLogger, '_instance_dict', type(MMLogger._instance_dict)())
    monkeypatch.setattr(DefaultScope, '_instance_dict', type(DefaultScope._instance_dict)())
    monkeypatch.setattr('projects.kmax.benchmark.run.keep_freed_memory', lambda: None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def measure(tmp_path, capsys):
    """Return a function that runs the command and returns the JSON and what is printed."""

    def run(*words):
        path = tmp_path / 'found.json'
        cli.main([str(word) for word in ('benchmark', *SMALL, *words, '--json', path)])
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


def test_fused_from_image_to_map(measure, tmp_path):
    picture = tmp_path / 'stages.png'
    found, printed = measure('--fuse', '--end-to-end', '--threads', 1, '--picture', picture)
    assert FIGURES <= set(found['ours']) and FIGURES <= set(found['plain'])
    assert found['peer'] is None and found['ratio'] is None
    assert found['equal'] is True and found['differences']['plain']['assignments'] == 0
    assert {'preprocessing', 'backbone', 'resize and merge'} <= set(found['ours']['stages'])
    assert found['machine']['threads'] == 1
    assert found['conditions']['content'] == [65, 87]
    assert 'ours / plain' in printed and 'outputs equal' in printed
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_beside_another_model(measure):
    found, printed = measure('--peer', MASKFORMER, '--end-to-end')
    ours, peer = found['ours'], found['peer']
    assert found['ratio'] == pytest.approx(ours['median_s'] / peer['median_s'])
    assert peer['parameters_m'] > 10 * 3.99 and peer['gmacs'] > ours['gmacs']
    assert found['equal'] is None
    assert 'ours / peer' in printed


def test_other_weights_of_one_network_are_not_equal(measure, tmp_path):
    found, _ = measure('--peer', ROOT / 'configs/kmax/kmax_nano_nuclei-panoptic.py')
    assert found['equal'] is None
    found, _ = measure('--peer', NANO)
    assert found['equal'] is True and found['differences']['peer']['logits'] == 0


def test_training_steps(measure):
    found, _ = measure('--train', '--batch', 2)
    assert {'criterion', 'backward', 'optimiser'} <= set(found['ours']['stages'])
    assert found['ours']['images_per_s'] == pytest.approx(2 / found['ours']['median_s'])


def test_lower_precision_is_compared(measure):
    found, _ = measure('--dtype', 'bfloat16')
    assert 0 < found['differences']['plain']['logits'] < 1


BAD = {
    'no panoptic model': (
        ('--peer', 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'),
        'is the config of MaskRCNN, which is no panoptic model of mmdet',
    ),
    'no such config': (('--peer', 'mmdet::nope.py'), '--peer mmdet::nope.py cannot be read'),
    'no such name': (('--peer', 'nope'), 'argument --peer: file nope does not exist'),
    'size': (('--size', 32, 64), 'argument --size: [32, 64] must be at least 64 each'),
    'output': (('--output-size', 0, 9), 'argument --output-size: [0, 9] must be at least 1 each'),
    'device': (('--device', 'cuda:7'), 'argument --device: cuda:7 cannot be used here'),
    'threads': (('--threads', 0), '--threads must be at least 1, got 0'),
    'runs': (('--runs', 0), '--runs must be at least 1, got 0'),
    'fused training': (('--train', '--fuse'), '--fuse is for prediction, not --train'),
    'maps in training': (('--train', '--end-to-end'), '--end-to-end is for prediction, not'),
    'weights of nobody': (('--peer-weights', __file__), '--peer-weights needs --peer'),
    'weights': (('--weights', __file__), 'test_benchmark.py'),
    'picture': (('--picture', 'x.txt'), '--picture: x.txt must end in .png, .svg, .pdf'),
    'folder': (('--json', '.'), '--json: . is a folder; name the file to write'),
}


@pytest.mark.parametrize('kind', BAD)
def test_bad_input_is_one_line(kind, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, line = BAD[kind]
    if kind == 'device' and torch.cuda.device_count() > 7:
        pytest.skip('this machine has that GPU')
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in ('benchmark', *SMALL, *words)])
    printed = capsys.readouterr()
    assert end.value.code == 2
    assert line in printed.err and printed.err.count('\n') == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures('no_compiler')
def test_without_a_compiler(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in ('benchmark', *SMALL, '--compile')])
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert 'torch.compile does not work here, which --compile needs' in err
    assert err.count('\n') == 1
