"""The page with an exported file: its segments, and nothing that needs the network."""

import numpy as np
import pytest
from exported_file import write_file
from helpers import run_command, run_python
from made_images import encode
from PIL import Image

from kmax_deeplab.runtime import PanopticModel
from projects.kmax.app.uploads import Limits, read_upload
from projects.kmax.app.visits import begin_visit
from projects.kmax.commands import app

LEVELS = np.zeros((60, 90, 3), np.uint8)
LEVELS[20:, :, 0], LEVELS[40:, 50:, 0] = 2, 3
IMAGE = encode(Image.fromarray(LEVELS))
"""A box above the sky, and void."""


@pytest.fixture
def model(tmp_path):
    pytest.importorskip('onnxruntime', reason='onnxruntime, which runs the files, is absent')
    file = write_file(tmp_path / 'model.onnx', (1081, 1081))
    return PanopticModel(file, 'onnxruntime', threads=1)


@pytest.fixture
def exported_page(model, inferencer, tmp_path, monkeypatch):
    """Return a function from whether a network is beside it to the page of the file."""
    pytest.importorskip('gradio', reason='the page needs gradio')
    from projects.kmax.app.page import Page

    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path / 'gradio'))

    def make(beside=False):
        models = {'file': model, **({'nano': inferencer} if beside else {})}
        return Page(models, Limits(megapixels=50, megabytes=5))

    return make


def components(page, kind):
    """Return the components of a kind by their ids."""
    blocks = page.build(8)
    return {
        block.elem_id: block for block in blocks.blocks.values() if type(block).__name__ == kind
    }


def test_what_a_file_finds_in_both_resolutions(model):
    visit = begin_visit(read_upload(IMAGE, Limits()), {'file': model})
    for (result,) in (visit.results(dict(class_threshold_thing=1.0)), visit.full_results({})):
        height, width = result.image.shape[:2]
        areas = {entry['label']: entry['area'] / (height * width) for entry in result.segments_info}
        assert areas == pytest.approx(dict(box=1 / 3, sky=2 / 3 - 40 / 270), abs=0.01)
    assert visit.looks[0].clusters == []


def test_the_page_of_a_file_has_neither_thresholds_nor_clusters(exported_page):
    page = exported_page()
    assert page.defaults == {}
    sliders = components(page, 'Slider')
    assert {'opacity', 'layer', 'split'} == set(sliders)
    assert 'clusters' not in dict(components(page, 'Radio')['view'].choices).values()
    key, value, switches, layers = page.upload(None, IMAGE)
    assert value['clusters'] == [[]] and layers['maximum'] == 1
    found = {entry['label'] for entry in value['views'][0]['panoptic']['entries'].values()}
    assert found == {'box', 'sky'} == set(switches['choices'])
    assert len(page.make_files(key, 0.6)) == 3


def test_beside_a_network_thresholds_are_those_of_the_network(exported_page):
    page = exported_page(beside=True)
    assert 'class_threshold_thing' in page.defaults
    assert 'clusters' not in dict(components(page, 'Radio')['view'].choices).values()
    values = page.defaults.values()
    key, value, _, _ = page.upload(None, IMAGE, *values)
    assert value['names'] == ['file', 'nano'] and len(value['views']) == 2
    strict = [1 for _ in values]
    views = page.merge(key, *strict)[0]['views']
    assert views[0] == value['views'][0] and views[1]['panoptic']['entries'] == {}


REFUSED = {
    'weights': (['--weights', 'FILE'], '--weights is for networks, and cannot change the exported'),
    'mirror': (['--mirror', 'http://a'], '--mirror is for networks'),
    'compared weights': (['--compare-weights', 'FILE'], '--compare-weights is for networks, and'),
    'no file': (['--compare-model', 'none.onnx'], 'model none.onnx does not exist'),
    'twice': (['--compare-model', 'FILE'], 'name the model that --model does'),
}


@pytest.mark.parametrize('case', REFUSED)
def test_what_the_command_refuses(case, model, capsys, monkeypatch):
    pytest.importorskip('gradio', reason='the page needs gradio')
    monkeypatch.setattr(app, '_check_address', lambda *_: None)
    words, message = REFUSED[case]
    words = [model.file if word == 'FILE' else word for word in words]
    with pytest.raises(SystemExit) as stopped:
        run_command('app', 'app', '--model', model.file, *words)
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and message in err and err.count('\n') == 1


def test_it_needs_neither_torch_nor_openmmlab(model, tmp_path):
    """Where they are absent, which other modules are told, a visitor sees the segments."""
    (tmp_path / 'image.png').write_bytes(IMAGE)
    script = f"""
import sys

class Nothing:
    def find_spec(name, path=None, target=None):
        if name.split('.')[0] in {{'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain'}}:
            raise ImportError(f'{{name}} is asked for')

from kmax_deeplab.needs import note_command
note_command('app', ['--model', 'model.onnx'])
from projects.kmax import missing_packages
missing_packages.find_missing_packages = lambda: ['torch']
sys.meta_path.insert(0, Nothing)
from kmax_deeplab.runtime import PanopticModel
from projects.kmax.app.examples import draw_examples
from projects.kmax.app.uploads import Limits, read_upload
from projects.kmax.app.visits import begin_visit
upload = read_upload(open({str(tmp_path / 'image.png')!r}, 'rb').read(), Limits())
visit = begin_visit(upload, dict(file=PanopticModel({model.file!r}, 'onnxruntime', threads=1)))
print([entry['label'] for entry in visit.looks[0].result({{}}).segments_info], draw_examples())
"""
    done = run_python(script)
    assert done.stdout == "['sky', 'box'] []\n", done.stderr
