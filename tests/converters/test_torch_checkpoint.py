"""Reading PyTorch projects' files, and refusing those that could run code."""

import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from imports import ROOT

from projects.kmax.converters import ConversionError
from projects.kmax.converters.torch_checkpoint import open_torch

WEIGHTS = {'a.weight': np.arange(6, dtype=np.float32).reshape(2, 3), 'a.count': np.int64(7)}


class Attack:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def read(path):
    with open_torch(path) as weights:
        return dict(weights)


def check_refused(path, message):
    with pytest.raises(ConversionError, match=message):
        read(path)


def as_tensors():
    return {name: torch.as_tensor(value) for name, value in WEIGHTS.items()}


def write(path, content, protocol=None):
    if protocol is None:
        torch.save(content, path)
    elif protocol == 'legacy':
        torch.save(content, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize('entry', ['model', 'state_dict', None])
@pytest.mark.parametrize('protocol', [None, 'legacy'])
def test_files_of_torch(tmp_path, entry, protocol):
    content = as_tensors() if entry is None else {entry: as_tensors(), 'epoch': 3}
    weights = read(write(tmp_path / 'x.pth', content, protocol))
    assert list(weights) == list(WEIGHTS)
    assert all(weights[name].equal(value) for name, value in as_tensors().items())


@pytest.mark.parametrize('protocol', range(6))
def test_pickles_of_arrays(tmp_path, protocol, recwarn):
    content = dict(model=WEIGHTS, matching_heuristics=True, __author__='someone')
    weights = read(write(tmp_path / 'x.pkl', content, protocol))
    for name, value in as_tensors().items():
        assert weights[name].equal(value) and weights[name].dtype == value.dtype
    assert not recwarn.list


def test_pickles_of_python_2_and_numpy_1(tmp_path):
    path = tmp_path / 'x.pkl'
    # dict(model=dict(a=np.float32([1, 2]))) as cPickle wrote it.
    path.write_bytes(
        b'\x80\x02}q\x01U\x05modelq\x02}q\x03U\x01aq\x04cnumpy.core.multiarray\n_reconstruct\n'
        b'q\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x02\x85cnumpy\ndtype\nq\x08'
        b'U\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89'
        b'U\x08\x00\x00\x80?\x00\x00\x00@tbss.'
    )
    assert read(path)['a'].tolist() == [1, 2]


def test_safetensors_are_read_by_their_package(tmp_path, monkeypatch):
    path = tmp_path / 'model.safetensors'
    path.write_bytes(b'only its name counts')
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    check_refused(path, f'{path} needs safetensors: pip install safetensors')
    module = types.ModuleType('safetensors.torch')
    module.load_file = lambda path: as_tensors()
    monkeypatch.setitem(sys.modules, 'safetensors', types.ModuleType('safetensors'))
    monkeypatch.setitem(sys.modules, 'safetensors.torch', module)
    assert list(read(path)) == list(WEIGHTS)


def test_what_lies_beside_the_weights_has_names_with_slashes(tmp_path):
    moments = [dict(moment=torch.zeros(2)), 'text']
    content = dict(model=as_tensors(), optimizer=moments, scale=torch.ones(1), iteration=5)
    names = list(read(write(tmp_path / 'x.pth', content)))
    assert names == [*WEIGHTS, 'optimizer/0/moment', 'scale/']


def test_containers_that_hold_themselves_are_read_once(tmp_path):
    more = [torch.zeros(1)]
    more += [more, more]
    names = list(read(write(tmp_path / 'x.pth', dict(model=as_tensors(), more=more))))
    assert names == [*WEIGHTS, 'more/0']


@pytest.mark.parametrize('protocol', [None, 'legacy', 0, 2, 5])
def test_code_is_refused_by_name_and_not_run(tmp_path, protocol):
    harmed = tmp_path / 'harmed'
    path = write(tmp_path / 'x.pkl', dict(model=WEIGHTS, more=Attack(harmed)), protocol)
    check_refused(path, rf'{path} is refused: .* wants posix.mkdir, which')
    assert not harmed.exists()
    # Loaded without care it would do harm.
    if protocol in (0, 2, 5):
        pickle.loads(path.read_bytes())
        assert harmed.exists()


@pytest.mark.parametrize(
    ('content', 'name'),
    [
        (b'cbuiltins\neval\n(V1+1\ntR.', 'builtins.eval'),
        (b"cos\nsystem\n(S'true'\ntR.", 'os.system'),
        (b"(S'true'\nios\nsystem\n.", 'os.system'),
        (b'\x80\x04\x8c\x02os\x8c\x06system\x93.', 'os.system'),
        (b'\x80\x02cnumpy\nload\n.', 'numpy.load'),
        (b'\x80\x02cnumpy.core.multiarray\n_reconstruct.__globals__\n.', 'numpy.core.multiarray'),
    ],
)
def test_anything_but_arrays_is_refused(tmp_path, content, name):
    path = tmp_path / 'x.pkl'
    path.write_bytes(content)
    check_refused(path, f'wants {name}')


POINTER = (3, '|', None, None, None, -1, -1)
FIELDS = (3, '|', None, ('f0',), {'f0': (np.dtype('O'), 0)}, 8, 1)
READ = """
import sys
from pathlib import Path
import projects.kmax
from projects.kmax.converters import ConversionError
from projects.kmax.converters.torch_checkpoint import open_torch
for path in sys.argv[1:]:
    try:
        with open_torch(Path(path)) as weights:
            print(dict(weights))
    except ConversionError as error:
        print(error)
"""


def forge(code, state, function='scalar'):
    """Pickle bytes as an array or scalar whose type's state is chosen freely."""

    def part(value):
        return pickle.dumps(value, 2)[2:-1]

    def name(module, attribute):
        return f'c{module}\n{attribute}\n'.encode()

    dtype = name('numpy', 'dtype') + part((code, False, True)) + b'R' + part(state) + b'b'
    multiarray = 'numpy._core.multiarray'
    # Eight letters as what the type may call a pointer.
    if function == 'scalar':
        made = name(multiarray, 'scalar') + b'(' + dtype + part(b'A' * 8) + b'tR'
    elif function == '_frombuffer':
        made = name('numpy._core.numeric', function) + b'(' + part(b'A' * 8) + dtype
        made += part((1,)) + part('C') + b'tR'
    else:
        made = (
            name(multiarray, function) + b'(' + name('numpy', 'ndarray') + part((0,)) + part(b'b')
        )
        made += b'tR(' + part(1) + part((1,)) + dtype + part(False) + part(b'A' * 8) + b'tb'
    return b'\x80\x02}' + part('a') + made + b's.'


def test_forged_types_are_refused_and_reach_no_memory(tmp_path):
    paths = []
    for code, state in (('O8', POINTER), ('V8', FIELDS)):
        for flags in (0, 32):
            for function in ('scalar', '_reconstruct', '_frombuffer'):
                paths.append(tmp_path / f'{code}-{flags}-{function}.pkl')
                paths[-1].write_bytes(forge(code, (*state, flags), function))
    ended = subprocess.run(
        [sys.executable, '-c', READ, *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    # Other packages print, too.
    lines = [line for line in ended.stdout.splitlines() if str(tmp_path) in line]
    assert len(lines) == len(paths) == 12
    for path, line in zip(paths, lines, strict=True):
        assert line.startswith(f'{path} is refused: ')


@pytest.mark.parametrize('function', ['scalar', '_reconstruct', '_frombuffer'])
def test_state_of_types_of_numbers_is_ignored_but_for_the_byte_order(tmp_path, function):
    path = tmp_path / 'x.pkl'
    path.write_bytes(forge('i8', (3, '>', None, ('f0',), {'f0': 0}, 1, 1, 63), function))
    assert read(path)['a'].tolist() in (0x4141414141414141, [0x4141414141414141])
    path.write_bytes(forge('i4', POINTER, function))
    check_refused(path, '8 bytes for an array of shape')


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('columns_first', [False, True])
def test_layout_and_byte_order_are_kept(tmp_path, protocol, columns_first):
    value = np.arange(24, dtype='>f4').reshape(2, 3, 4)
    value = np.asfortranarray(value) if columns_first else value.transpose(1, 0, 2)
    found = read(write(tmp_path / 'x.pkl', dict(a=value, b=value[:0]), protocol))
    assert found['a'].tolist() == value.tolist()
    assert found['b'].shape == value[:0].shape


@pytest.mark.parametrize('protocol', [None, 'legacy', 2, 4])
def test_cut_files_are_named(tmp_path, protocol):
    path = write(tmp_path / 'x.pth', dict(model=WEIGHTS), protocol)
    whole = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        check_refused(path, f'{path} cannot be read')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], 'holds a list, not weights by name'),
        (dict(model={}), 'holds no weights'),
        (dict(model=dict(a='x')), 'cannot be used: a is no array of numbers'),
        (dict(model=dict(a=[[1], [2, 3]])), 'cannot be used: a is no array of numbers'),
        (
            dict(model=WEIGHTS, more=[np.zeros(2, np.longdouble)]),
            'cannot be used: more/0 is no array of numbers',
        ),
        (dict(epoch='last'), 'cannot be used: epoch is no array of numbers'),
        (dict(a=np.array([None])), 'is refused: it holds an array of type O8, where a'),
        (dict(a=np.array(['x'])), 'is refused: it holds an array of type U1, where a'),
    ],
)
def test_files_without_weights_are_named(tmp_path, content, message):
    path = write(tmp_path / 'x.pkl', content, 4)
    check_refused(path, f'{path} {message}')


@pytest.mark.parametrize('name', ['absent.pth', '.'])
def test_what_is_no_file_is_named(tmp_path, name):
    check_refused(tmp_path / name, f'checkpoint {tmp_path / name} is no file')
