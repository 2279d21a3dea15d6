"""``kmax-deeplab benchmark --engines``."""

import json
import tempfile

import cv2
import numpy as np
import pytest
import torch
from helpers import NANO
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

from kmax_deeplab import cli
from kmax_deeplab.result import Classes, PanopticResult
from projects.kmax.benchmark import engines
from projects.kmax.benchmark.engine_report import content, table
from projects.kmax.benchmark.engines import EngineFigures, values_of

SMALL = ('--size', 65, 97, '--runs', 1, '--warmup', 0, '--device', 'cpu')
SURE = dict(pixel_confidence_threshold=0.34, thing_area_limit=4, stuff_area_limit=4)
"""Fields of ``test_cfg`` that the graph holds, where those of the tiny model are 0."""

FIGURES = {
    *('median_s', 'min_s', 'cpu_s', 'spread', 'images_per_s', 'ratio', 'cpu_ratio', 'peak_mib'),
    *('merge_s', 'merge_share', 'equal_pixels', 'same_segments', 'images', 'segments', 'equal'),
}


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch, tmp_path_factory):
    """Loggers, scopes, threads and the allocator's settings are those of before; nor do files."""
    monkeypatch.setattr(MMLogger, '_instance_dict', type(MMLogger._instance_dict)())
    monkeypatch.setattr(DefaultScope, '_instance_dict', type(DefaultScope._instance_dict)())
    monkeypatch.setattr(engines, 'keep_freed_memory', lambda: None)
    temporary = tmp_path_factory.mktemp('temporary')
    monkeypatch.setattr(tempfile, 'tempdir', str(temporary))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    assert not list(temporary.glob('kmax-benchmark-*'))


@pytest.fixture
def run(tmp_path, capsys):
    """Return a function that runs the command and returns the JSON and what is printed."""

    def run(*words, config=NANO):
        path = tmp_path / 'found.json'
        cli.main([str(word) for word in ('benchmark', config, *SMALL, *words, '--json', path)])
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


@pytest.fixture
def stop(tmp_path, capsys, monkeypatch):
    """Return a function that runs the command, which fails, and returns its status and stderr."""
    monkeypatch.chdir(tmp_path)

    def stop(*words):
        with pytest.raises(SystemExit) as end:
            cli.main([str(word) for word in ('benchmark', NANO, *SMALL, *words)])
        return end.value.code, capsys.readouterr().err

    return stop


@pytest.fixture
def photos(tmp_path):
    """Folder of two images of other shapes than the input, which they fit into."""
    rng = np.random.default_rng(0)
    (tmp_path / 'photos').mkdir()
    for name, shape in (('a.jpg', (6, 8, 3)), ('b.png', (9, 5, 3))):
        image = cv2.resize(rng.integers(0, 256, shape, np.uint8), None, fx=7, fy=7)
        cv2.imwrite(str(tmp_path / 'photos' / name), image)
    return tmp_path / 'photos'


@pytest.mark.slow
def test_files_beside_pytorch(run, photos, folder):
    for package in ('onnxscript', 'onnxruntime', 'openvino'):
        pytest.importorskip(package, reason=f'{package} is not installed')
    words = ('--engines', 'folded', 'onnxruntime', 'openvino')
    options = [f'model.test_cfg.{name}={value}' for name, value in SURE.items()]
    words_of_all = ('--threads', 1, 2, '--images', photos, '--cfg-options', *options)
    found, printed = run(*words, *words_of_all, config=folder / 'everything.py')
    assert [part['threads'] for part in found['engines']] == [1, 2]
    for part in found['engines']:
        assert list(part['figures']) == ['eager', *words[1:]]
        for figures in part['figures'].values():
            assert set(figures) == FIGURES
            assert figures['equal'] and figures['equal_pixels'] >= 0.9999
            assert (figures['images'], figures['same_segments']) == (2, 2)
            assert figures['segments'] >= 4
    first = found['engines'][0]['figures']
    assert found['peer'] == first['eager']
    assert found['ours'] == first[found['titles']['ours']]
    assert found['ours']['median_s'] == min(first[name]['median_s'] for name in words[1:])
    assert found['ratio'] == pytest.approx(
        found['ours']['median_s'] / found['peer']['median_s'], rel=1e-9
    )
    assert found['equal'] is True and found['conditions']['size'] == [65, 97]
    assert 'openvino: maps equal, the same segments on 2 of 2 images' in printed


def test_pytorch_alone_needs_no_exporter(run, monkeypatch):
    monkeypatch.setattr(engines, 'installed_engines', list)
    found, printed = run('--engines', 'eager')
    assert found['peer'] is None and found['ratio'] is None
    assert list(found['engines'][0]['figures']) == ['eager']
    assert found['ours']['images'] == len(engines.DRAWN)
    assert 'segments are pasted on 4 images' in printed


def test_another_map_is_told(run, monkeypatch):
    real = engines.values_of

    def values(result, void):
        found = real(result, void)
        values.calls += 1
        # Of each image first that of eager, then that of eager again, then that of folded.
        return np.full_like(found, void) if values.calls % 3 == 0 else found

    values.calls = 0
    monkeypatch.setattr(engines, 'values_of', values)
    found, printed = run('--engines', 'folded')
    eager, folded = (found['engines'][0]['figures'][name] for name in ('eager', 'folded'))
    assert eager['equal'] and not folded['equal'] and folded['equal_pixels'] < 0.9
    assert found['equal'] is False
    assert 'folded: maps DIFFER, the same segments on 0 of 4 images' in printed


def test_values_tell_class_and_segment():
    panoptic = np.array([[1000, 2000, 2, 3], [1000, 2000, 2, 3]], np.int32)
    classes = Classes(('box', 'ball', 'sky'), 2)
    scores = dict.fromkeys((1000, 2000, 2), 0.5)
    values = values_of(PanopticResult.from_panoptic(panoptic, classes, segment_scores=scores), 3)
    assert (values[:, 3] == 3).all()
    assert (values[:, :3] % 1000 == [0, 0, 2]).all()
    assert len(np.unique(values)) == 4


def test_the_fastest_is_ours():
    def figures(median, ratio, equal=True):
        numbers = dict.fromkeys(FIGURES, 1)
        changes = dict(median_s=median, ratio=ratio, equal=equal, peak_mib=None, merge_share=0.125)
        return {**numbers, **changes}

    part = EngineFigures(2, dict(eager=figures(4, 1), folded=figures(3, 0.75, False)))
    part.figures['openvino'] = figures(2, 0.5)
    machine = dict(processor='P', cores=2, load_before=None, load_after=None)
    found = content([part], (65, 97), 'config', machine)
    assert (found['titles'], found['ratio']) == (dict(ours='openvino', peer='eager'), 0.5)
    assert found['equal'] is False
    lines = table(found).splitlines()
    assert next(line.split() for line in lines if line.startswith('of eager ')) == [
        *('of', 'eager', '1.000', '0.750', '0.500')
    ]
    assert next(line for line in lines if line.startswith('peak')).count('unknown') == 3
    assert 'folded: maps DIFFER, the same segments on 1 of 1 images' in lines


BAD = {
    'no such engine': (('--engines', 'tensorrt'), "argument --engines: invalid choice: 'tensorrt'"),
    'a peer': (('--engines', 'folded', '--fuse'), '--fuse does not go with --engines'),
    'training': (('--engines', 'folded', '--train'), '--train does not go with --engines'),
    'a batch': (('--engines', 'folded', '--batch', 2), '--batch does not go with --engines'),
    'images': (('--images', '.'), '--images needs --engines'),
    'several threads': (('--threads', 1, 2), '--threads takes several numbers with --engines only'),
    'no thread': (
        ('--engines', 'folded', '--threads', 1, 0),
        '--threads must be at least 1, got 0',
    ),
    'no folder': (('--engines', 'folded', '--images', 'nope'), 'nope is not a folder of images'),
    'no image': (('--engines', 'folded', '--images', '.'), '. holds no image (.jpg'),
    'an address': (
        ('--engines', 'folded', '--weights', 'https://x.org/a.pth'),
        '--weights https://x.org/a.pth is an address: download the checkpoint first',
    ),
    'other weights': (('--engines', 'folded', '--weights', __file__), 'test_benchmark_engines.py'),
}


@pytest.mark.parametrize('kind', BAD)
def test_bad_input_is_one_line(kind, stop, tmp_path):
    words, line = BAD[kind]
    code, err = stop(*words)
    assert code == 2
    assert line in err and err.count('\n') == 1
    assert not any(tmp_path.iterdir())


def test_an_image_that_is_none(stop, tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'a.jpg').write_text('no image')
    code, err = stop('--engines', 'folded', '--images', tmp_path / 'images', '--json', 'x.json')
    assert code == 2
    assert 'a.jpg cannot be read as an image' in err and err.count('\n') == 1
    assert not (tmp_path / 'x.json').exists()


@pytest.mark.parametrize('name', ['onnxruntime', 'openvino'])
def test_an_engine_that_is_not_installed(name, stop, monkeypatch):
    monkeypatch.setattr(engines, 'installed_engines', list)
    code, err = stop('--engines', name)
    assert code == 2
    assert f'{name} is not installed here: pip install {name}' in err and err.count('\n') == 1


def test_without_the_exporter(stop, monkeypatch):
    monkeypatch.setattr(engines, 'installed_engines', lambda: ['onnxruntime'])
    monkeypatch.setattr('projects.kmax.deploy.exporting.NEEDED', ('nowhere_installed',))
    code, err = stop('--engines', 'onnxruntime')
    assert code == 2
    assert "pip install 'kmax-deeplab[export]'" in err and err.count('\n') == 1


@pytest.mark.usefixtures('no_compiler')
def test_without_a_compiler(stop):
    code, err = stop('--engines', 'compiled')
    assert code == 2
    assert 'torch.compile does not work here, which --engines compiled needs' in err
    assert err.count('\n') == 1


def test_rules_that_no_graph_holds(stop):
    for package in ('onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason=f'{package} is not installed')
    option = 'model.test_cfg.pixel_confidence_threshold=0.2'
    code, err = stop('--engines', 'onnxruntime', '--cfg-options', option)
    assert code == 2
    assert 'pixel_confidence_threshold is 0.2: up to 1/3' in err and err.count('\n') == 1
