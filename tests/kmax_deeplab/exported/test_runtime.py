"""An exported file gives the segments of any image, at its size, and says what it cannot do."""

import io
import json
import os

import numpy as np
import pytest
from exported_file import ALIGNED, CLASSES, FIT, contract, write_file
from helpers import run_python
from PIL import Image

from kmax_deeplab.exported import engines
from kmax_deeplab.runtime import PanopticModel

ENGINES = ('onnxruntime', 'openvino')


@pytest.fixture
def model(exported):
    """A file that resizes nothing."""
    return PanopticModel(exported(), 'onnxruntime')


@pytest.fixture
def levels():
    """An image (40, 60, 3), RGB, whose red tells two things, stuff and void."""
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image[..., 0] = 3
    image[:10, :, 0], image[10:30, :20, 0], image[30:, 50:, 0] = 2, 0, 1
    return image


FOUND = [
    dict(id=1, category_id=1, label_id=2, label='sky', isthing=False, score=0.75, area=600),
    dict(id=2, category_id=2, label_id=0, label='box', isthing=True, score=0.5, area=400),
    dict(id=3, category_id=3, label_id=1, label='ball', isthing=True, score=0.25, area=100),
]
BOXES = [[0, 0, 60, 10], [0, 10, 20, 20], [50, 30, 10, 10]]


def check(result, levels):
    """Compare a result with what the levels of red say."""
    expected = [dict(entry, bbox=box) for entry, box in zip(FOUND, BOXES, strict=True)]
    assert result.segments_info == expected
    assert np.array_equal(result.id_map, np.array([2, 3, 1, 0])[levels[..., 0]])
    assert np.array_equal(result.image, levels)


@pytest.mark.parametrize('fractions', [False, True])
@pytest.mark.parametrize('engine', ENGINES)
def test_every_kind_of_image(engine, fractions, exported, levels, tmp_path):
    pytest.importorskip(engine, reason=f'{engine} is absent')
    model = PanopticModel(exported(fractions=fractions), engine, threads=1)
    assert model.engine.name == engine
    path, content = tmp_path / 'image.png', io.BytesIO()
    Image.fromarray(levels).save(path)
    Image.fromarray(levels).save(content, 'PNG')
    with_alpha = np.dstack([levels, np.zeros((40, 60), np.uint8)])
    for image in (path, str(path), Image.fromarray(levels), content.getvalue()):
        check(model(image), levels)
    check(model(levels, channel_order='rgb'), levels)
    check(model(levels[..., ::-1], channel_order='bgr'), levels)
    check(model(with_alpha, channel_order='rgb'), levels)
    check(model(levels.astype(np.float32), channel_order='rgb'), levels)
    several = model([path, levels], channel_order='rgb')
    assert [result.path for result in several] == [str(path), None]
    for result in several:
        check(result, levels)
    assert model([]) == []


def test_the_map_is_brought_to_the_size_of_the_image(exported):
    """By the nearest pixel, with aligned corners."""
    resize = dict(ALIGNED, size=[32, 96])
    model = PanopticModel(exported(fractions=True, resize=resize), 'onnxruntime')
    image = np.zeros((11, 33, 3), np.uint8)
    image[:6, :, 0] = 2
    result = model(image, channel_order='rgb')
    assert result.id_map.shape == (11, 33)
    # Row k of 11 is row round(3.1 k) of 32, halves up.
    rows = np.floor(np.arange(11) * 31 / 10 + 0.5)
    red = np.interp(rows * 10 / 31, np.arange(11), image[:, 0, 0])
    assert np.array_equal(result.id_map[:, 0], np.array([2, 3, 1])[red.astype(int)])


def test_what_lies_beside_the_image_is_no_segment(model, levels):
    observed = model.observe(levels, 'rgb')
    assert observed.found['panoptic'].shape == (65, 97)
    assert observed.found['areas'].tolist() == [40, 60]
    small = np.ascontiguousarray(levels[::2, ::2])
    result = observed.at(small).result()
    assert result.id_map.shape == (20, 30) and result.image is small


def test_a_file_that_merges_at_the_size_of_the_output(exported, levels, monkeypatch):
    model = PanopticModel(exported(merges_at='output'), 'onnxruntime')
    asked = []

    def run(inputs):
        asked.append(inputs['output'].tolist())
        height, width = inputs['output']
        return dict(
            panoptic=np.full((height, width), 2, np.int32), ids=np.array([2]), scores=np.array([1])
        )

    monkeypatch.setattr(model.engine, 'run', run)
    observed = model.observe(levels, 'rgb')
    assert observed.result().segments_info[0]['area'] == 40 * 60
    assert observed.at(levels[:7]).result().id_map.shape == (7, 60)
    assert asked == [[40, 60], [7, 60]]


def test_images_of_a_list_that_cannot_be_read(model, levels, tmp_path):
    path, damaged = tmp_path / 'image.png', tmp_path / 'damaged.png'
    Image.fromarray(levels).save(path)
    damaged.write_bytes(path.read_bytes()[:60])
    with pytest.warns(UserWarning, match=r'damaged\.png cannot be read as an image') as caught:
        assert len(model([path, damaged, path])) == 2
    assert caught[0].filename == __file__
    noted = []
    assert model([damaged], on_unreadable=lambda *found: noted.append(found)) == []
    assert noted[0][0] == damaged and isinstance(noted[0][1], OSError)
    with pytest.warns(UserWarning), pytest.raises(OSError, match=r'damaged\.png'):
        model([damaged])


def unreadable(folder):
    """Return what is no image, the error, and what it says."""
    (folder / 'empty.jpg').write_bytes(b'')
    (folder / 'text.jpg').write_text('no image')
    read = 'cannot be read as an image: '
    array = np.zeros((2, 2, 3))
    return {
        'absent': (folder / 'absent.jpg', OSError, rf'absent\.jpg {read}.*No such file'),
        'folder': (folder, OSError, f'{read}.*is a folder, not a file'),
        'empty': (folder / 'empty.jpg', OSError, f'{read}it is empty'),
        'text': (folder / 'text.jpg', OSError, f'{read}(failed to load|cannot identify)'),
        'address': ('https://host/a.jpg', ValueError, 'is an address, and only files are opened'),
        'no name': ('', FileNotFoundError, 'an empty name is no image'),
        'number': (3, TypeError, 'an image of type int cannot be read'),
        'bytes': (b'no', ValueError, '2 bytes were given, which are no image'),
        'order': (array.astype(np.uint8), ValueError, 'an array does not tell the order'),
        'deep': (Image.new('I;16', (4, 4)), TypeError, 'mode I;16 has more than 8 bits'),
    }


@pytest.mark.parametrize('decoder', ['cv2', 'pillow'])
def test_what_is_no_image(decoder, exported, tmp_path):
    model = PanopticModel(exported(decoder=decoder), 'onnxruntime')
    for name, (image, kind, message) in unreadable(tmp_path).items():
        with pytest.raises(kind, match=message):
            model(image)
            pytest.fail(name)


def test_calls_that_make_no_sense(model, levels):
    with pytest.raises(ValueError, match="channel_order is 'RGB', but must be 'bgr' or 'rgb'"):
        model(levels, channel_order='RGB')
    with pytest.raises(ValueError, match='an array does not tell the order of its channels'):
        model([levels])
    with pytest.raises(ValueError, match='levels 0 ... 900'):
        model(np.linspace(0, 900, 12, dtype=np.float32).reshape(2, 2, 3), channel_order='rgb')
    message = r'of 66x60 \(height x width\) does not fit into the input of .*model\.onnx.* 65x97'
    with pytest.raises(ValueError, match=message):
        model(np.zeros((66, 60, 3), np.uint8), channel_order='rgb')


def test_pillow_resizes_no_fractions(exported, levels):
    model = PanopticModel(exported(resize=dict(FIT, size=[65, 97])), 'onnxruntime')
    with pytest.raises(
        ValueError, match='float32 cannot be resized by Pillow.*convert it to uint8'
    ):
        model(levels.astype(np.float32), channel_order='rgb')


OTHERS = {
    'another origin': (dict(metadata={}), 'was not written by kmax-deeplab export'),
    'no JSON': (dict(metadata=dict(kmax='{')), 'was not written by kmax-deeplab export'),
    'another format': (dict(format='x'), 'was not written by kmax-deeplab export'),
    'a later version': (
        dict(format_version=2),
        'has format version 2, and this kmax-deeplab reads 1: export it again',
    ),
    'logits': (dict(output='logits'), 'holds logits, .* export it with --output maps'),
    'decoder': (dict(decoder='x'), "metadata of .* has decoder 'x', but it must be one of cv2"),
    'resize': (
        dict(resize=dict(FIT, size=[65, 97], interpolation='x')),
        "has interpolation 'x', but it must be one of nearest, bilinear",
    ),
    'a field of another type': (
        dict(size=[65]),
        r'metadata of .* has size \[65\], but it must be a height and a width .*: export it again',
    ),
    'a size that is none': (dict(size=[0, 97]), r'has size \[0, 97\], but'),
    'no class': (dict(classes=[]), r'has classes \[\], but it must be a list of objects'),
    'a class without a name': (
        dict(classes=[dict(CLASSES[0], name=None)] * 3),
        'has name None, but it must be a text',
    ),
    'a colour': (
        dict(classes=[dict(CLASSES[0], color=[1, 2, 256])] * 3),
        r'has color \[1, 2, 256\], but it must be three levels or null',
    ),
    'an id': (
        dict(classes=[dict(CLASSES[0], category_id='1')] * 3),
        "has category_id '1', but it must be a whole number or null",
    ),
    'more things than classes': (
        dict(num_things=4),
        'has num_things 4, but it must be a whole number from 0 to 3',
    ),
    'a switch': (
        dict(resize=dict(FIT, size=[65, 97], keep_ratio='no')),
        "has keep_ratio 'no', but it must be true or false",
    ),
    'JSON without end': (dict(metadata=dict(kmax='[' * 10**5)), 'was not written by kmax-deeplab'),
}


@pytest.mark.parametrize('case', OTHERS)
def test_files_of_others(case, exported):
    changes, message = OTHERS[case]
    with pytest.raises(ValueError, match=message):
        PanopticModel(exported(**changes), 'onnxruntime')


def test_a_field_that_is_missing(exported):
    fields = contract((65, 97))
    del fields['merges_at']
    file = exported(metadata=dict(kmax=json.dumps(fields)))
    with pytest.raises(ValueError, match='metadata of .* lacks merges_at: export it again'):
        PanopticModel(file, 'onnxruntime')


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize('changes', [dict(size=[97, 65]), dict(merges_at='output')])
def test_metadata_of_another_graph(engine, changes, tmp_path):
    """They would give maps of another size, or the engine an error of its own."""
    pytest.importorskip(engine, reason=f'{engine} is absent')
    metadata = dict(kmax=json.dumps({**contract((65, 97)), **changes}))
    file = write_file(tmp_path / 'model.onnx', (65, 97), metadata=metadata)
    with pytest.raises(ValueError, match=r'graph of .*model\.onnx does not take and give what its'):
        PanopticModel(file, engine)


def test_no_file_at_all(exported, tmp_path):
    file = exported()
    content = file.read_bytes()
    cases = {'half.onnx': content[: len(content) // 2], 'text.onnx': b'# a page\n' * 30}
    for name, part in cases.items():
        (tmp_path / name).write_bytes(part)
        with pytest.raises(ValueError, match=f'{name} (is truncated|was not written)'):
            PanopticModel(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r'model .*absent\.onnx does not exist'):
        PanopticModel(tmp_path / 'absent.onnx')
    with pytest.raises(OSError, match='is a folder, not a file'):
        PanopticModel(tmp_path)


@pytest.mark.parametrize('engine', ENGINES)
def test_a_file_that_the_engine_cannot_run(engine, tmp_path):
    """The weights of the graph are damaged, its metadata not."""
    pytest.importorskip(engine, reason=f'{engine} is absent')
    file = write_file(tmp_path / 'model.onnx', (65, 97))
    file.write_bytes(file.read_bytes().replace(b'Squeeze', b'Sqeueze'))
    with pytest.raises(ValueError, match=rf'^{engine} cannot run .*model\.onnx: [^\n]+$'):
        PanopticModel(file, engine)


def test_engines_that_are_not_there(exported, monkeypatch):
    file = exported()
    with pytest.raises(ValueError, match="engine is 'tensorrt', but must be one of auto, onnxr"):
        PanopticModel(file, 'tensorrt')
    with pytest.raises(ValueError, match='threads is 0, but must be a whole number from 1 on'):
        PanopticModel(file, threads=0)
    for device in ('tpu', 'cpu:1', 'cuda:', ''):
        with pytest.raises(ValueError, match=f'device is {device!r}, but'):
            PanopticModel(file, 'onnxruntime', device=device)
    monkeypatch.setattr(engines, 'find_spec', lambda name: None)
    for engine in ENGINES:
        with pytest.raises(ModuleNotFoundError, match=f'{engine} is not .*: pip install {engine}'):
            PanopticModel(file, engine)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kmax-deeplab\[deploy\]'"):
        PanopticModel(file)


def test_the_engine_that_is_installed_is_taken(monkeypatch):
    installed = {'onnxruntime', 'openvino'}
    monkeypatch.setattr(engines, 'find_spec', lambda name: name if name in installed else None)
    monkeypatch.setattr(engines, '_has_cuda', lambda: False)
    assert engines._choose(None) == engines._choose('cpu') == 'openvino'
    assert engines._choose('cuda:1') == 'onnxruntime'
    monkeypatch.setattr(engines, '_has_cuda', lambda: True)
    assert engines._choose(None) == 'onnxruntime' and engines._choose('cpu') == 'openvino'
    installed.remove('openvino')
    assert engines._choose('cpu') == 'onnxruntime'


def test_it_needs_neither_torch_nor_openmmlab(exported, levels, tmp_path):
    """Whatever else is installed here: an import of it fails."""
    path = tmp_path / 'image.png'
    Image.fromarray(levels).save(path)
    script = f"""
import sys

class Nothing:
    def find_spec(name, path=None, target=None):
        if name.split('.')[0] in {{'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg'}}:
            raise ImportError(f'{{name}} is asked for')

sys.meta_path.insert(0, Nothing)
from kmax_deeplab.runtime import PanopticModel
result = PanopticModel({str(exported())!r}, 'onnxruntime', threads=1)({str(path)!r})
print([entry['label'] for entry in result.segments_info], len(result.save({str(tmp_path)!r}, 'a')))
print(sorted({{'onnx', 'projects.kmax', 'scipy'}} & set(sys.modules)))
"""
    result = run_python(script)
    assert result.stdout.split('\n')[:2] == ["['sky', 'box', 'ball'] 3", '[]'], result.stderr


def resident():
    """Return the bytes of memory that this process has."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.mark.slow
@pytest.mark.parametrize('engine', ENGINES)
def test_memory_is_flat(engine, exported):
    """Over 300 images of ever other sizes, once every size was there."""
    pytest.importorskip(engine, reason=f'{engine} is absent')
    resize = dict(ALIGNED, size=[640, 640])
    model = PanopticModel(exported((641, 641), fractions=True, resize=resize), engine, threads=1)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 4, (300 + 40 * k, 700 - 30 * k, 3), np.uint8) for k in range(10)]
    for number in range(300):
        model(images[number % 10], channel_order='rgb')
        if number == 49:
            before = resident()
    assert resident() - before < 16 * 2**20
