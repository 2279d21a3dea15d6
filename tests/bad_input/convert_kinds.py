"""Sources, places and configs that do not fit a conversion."""

import io
import os
import pickle
import sys
import tarfile
import types
import zipfile
from functools import partial
from importlib.machinery import ModuleSpec

import numpy as np
import torch
from checkpoint_kinds import Code
from inference_kinds import limit_files
from kinds import kind


def write_source(place, change=lambda weights: None, name='src.pth'):
    """Write ImageNet weights as torchvision has them, changed, of the backbone of the config."""
    content = torch.load(place.path('weights.pth'), weights_only=True)['state_dict']
    start = 'backbone.'
    weights = {k.removeprefix(start): v for k, v in content.items() if k.startswith(start)}
    weights |= {'fc.weight': torch.ones(10, 64), 'fc.bias': torch.ones(10)}
    changed = change(weights)
    torch.save(weights if changed is None else changed, place.path(name))


def convert(place, form='torchvision', src='src.pth', dst='dst.pth', config='config.py', **options):
    return place.command('convert', form, src, dst, '--config', config, **options)


@kind('conversion', 'the right source, over a result that is there')
def right(place):
    write_source(place)
    convert(place).works('written')
    place.path('dst.pth').rename('first.pth')
    place.path('dst.pth').write_bytes(b'x')
    place.path('dst.pth').rename('work_dirs')
    convert(place, dst='work_dirs').works('written')
    assert place.path('first.pth').read_bytes() == place.path('work_dirs').read_bytes()


def setting(name, value):
    def change(weights):
        weights[name] = value(weights.get(name))

    return change


def without(name):
    return lambda weights: {k: v for k, v in weights.items() if k != name}


WEIGHTS = {
    'a weight too few': (without('layer1.0.conv1.weight'), r'layer1\.0\.conv1\.weight'),
    'a weight too many': (setting('extra.weight', lambda _: torch.ones(1)), r'extra\.weight'),
    'a weight of another shape': (setting('conv1.weight', lambda v: v[:, :2]), r'conv1\.weight'),
    'a weight of whole numbers': (setting('conv1.weight', lambda v: v.int()), r'conv1\.weight'),
    'a weight that is NaN': (setting('conv1.weight', lambda v: v * torch.nan), r'conv1\.weight'),
    'a weight without values': (setting('conv1.weight', lambda v: v.to('meta')), r'conv1\.weight'),
    'a sparse weight': (setting('conv1.weight', lambda v: v.to_sparse()), r'conv1\.weight'),
    'a quantised weight': (
        setting('conv1.weight', lambda v: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8)),
        r'conv1\.weight',
    ),
    'a weight that is a word': (setting('conv1.weight', lambda _: 'x'), r'conv1\.weight is no arr'),
    'a weight that is None': (setting('conv1.weight', lambda _: None), r'conv1\.weight is no arr'),
    'statistics of another size': (setting('bn1.running_var', lambda v: v[:3]), 'bn1.running_var'),
    'statistics that are negative': (setting('bn1.running_var', lambda v: v - 9), 'running_var'),
    'no weights': (lambda weights: {}, 'holds no weights'),
    'a list': (lambda weights: [1, 2], 'holds a list, not weights by name'),
    'a tensor': (lambda weights: torch.ones(2), 'holds a Tensor, not weights by name'),
    'code': (lambda weights: {'x': Code()}, 'is refused: to be read it wants posix.system'),
    'a whole model': (lambda weights: torch.nn.ReLU(), 'is refused: to be read it wants torch.nn'),
}


def enter_weights(name, change, message):
    @kind('conversion', f'weights: {name}')
    def wrong_weights(place):
        write_source(place, change)
        convert(place).refused(rf'src\.pth.*{message}|{message}.*src\.pth|{message}')
        assert not place.path('ran').exists()


for name, (change, message) in WEIGHTS.items():
    enter_weights(name, change, message)


def protocol_two(**content):
    return pickle.dumps(content, protocol=2)


def tar_of(names, mode='w:gz', kind_of=None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            if kind_of is not None:
                member.type, member.linkname = kind_of, '/etc/passwd'
            tar.addfile(member, io.BytesIO(b''))
    return stream.getvalue()


DATA = 'ckpt.data-00000-of-00001'
DAMAGED = 'it may be damaged'
FILES = {
    'an empty file': ('port', b'', DAMAGED),
    'a text': ('port', b'hello', DAMAGED),
    'a pickle that runs code': ('port', pickle.dumps(Code()), 'is refused: .*posix.system'),
    'a pickle of objects in an array': (
        'port',
        protocol_two(model={'x': np.array([None], object)}),
        'is refused: it holds an array of type|is refused: to be read it wants',
    ),
    'a pickle of no arrays': ('port', protocol_two(model={'x': 'y'}), 'x is no array of numbers'),
    'a pickle cut short': ('port', protocol_two(model={'x': np.ones(99)})[:-50], DAMAGED),
    'a pickle that refers to itself': (
        'port',
        b'\x80\x02}q\x00U\x05modelq\x01h\x00s.',
        r'src\.bin',
    ),
    'safetensors cut short': ('timm', b'\x40\0\0\0\0\0\0\0{"a":', DAMAGED + '|needs safetensors'),
    'a zip of something else': ('port', None, DAMAGED),
    'an archive that is empty': ('deeplab2', tar_of([]), 'must hold one TensorFlow checkpoint'),
    'an archive cut short': ('deeplab2', tar_of(['a/ckpt.index'] * 9)[:40], DAMAGED),
    'an archive with a changed byte': (
        'deeplab2',
        tar_of(['a/ckpt.index'])[:-6] + b'xxxxxx',
        DAMAGED,
    ),
    'an archive of another compression': (
        'deeplab2',
        tar_of(['a/ckpt.index'], 'w:xz')[:50],
        DAMAGED,
    ),
    'an archive that leads out by ..': (
        'deeplab2',
        tar_of(['../ckpt.index', f'../{DATA}']),
        r"names the file '\.\./ckpt\.index', which leads out of the folder by \.\.",
    ),
    'an archive of absolute names': (
        'deeplab2',
        tar_of(['/tmp/ckpt.index']),
        "names the file '/tmp/ckpt.index', which is absolute",
    ),
    'an archive of backslashes': (
        'deeplab2',
        tar_of(['a\\ckpt.index']),
        'which holds a backslash',
    ),
    'an archive with a link': (
        'deeplab2',
        tar_of(['ckpt.index'], kind_of=tarfile.SYMTYPE),
        'is a link or device, not a file',
    ),
    'an archive with a device': (
        'deeplab2',
        tar_of(['ckpt.index'], kind_of=tarfile.CHRTYPE),
        'is a link or device, not a file',
    ),
    'an archive of two checkpoints': (
        'deeplab2',
        tar_of(['a.index', 'b.index', 'a.data-00000-of-00001', 'b.data-00000-of-00001']),
        'must hold one TensorFlow checkpoint.*a.index, b.index',
    ),
    'an archive with a file twice': (
        'deeplab2',
        tar_of(['x/a.index', 'y/a.index']),
        'holds two files a.index',
    ),
    'an archive without data': ('deeplab2', tar_of(['a.index']), r'a\.data|no file'),
}


def enter_file(name, form, content, message):
    @kind('conversion', f'file: {name}')
    def wrong_file(place):
        source = 'src.safetensors' if 'safetensors' in name else 'src.bin'
        if content is None:
            with zipfile.ZipFile(source, 'w') as file:
                file.writestr('a/readme.txt', 'hello')
        else:
            place.path(source).write_bytes(content)
        convert(place, form, source).refused(message)
        assert not place.path('ran').exists()


for name, (form, content, message) in FILES.items():
    enter_file(name, form, content, message)


def tensorflow_of(fault):
    """Return a stand-in for TensorFlow whose reader fails as it does."""

    def load(prefix):
        def read(name):
            raise RuntimeError('Checksum does not match')

        if fault == 'index':
            raise RuntimeError('Unable to open table file: Data loss')
        return types.SimpleNamespace(get_variable_to_shape_map=lambda: {'x': [1]}, get_tensor=read)

    module = types.ModuleType('tensorflow')
    module.__spec__ = ModuleSpec('tensorflow', None)
    module.train = types.SimpleNamespace(load_checkpoint=load)
    return module


TENSORFLOW = {
    'the index alone': (('ckpt.index',), 'ckpt.index', None, r'ckpt\.data|no file'),
    'the data alone': ((DATA,), DATA, None, r'no file ckpt\.index'),
    'a prefix of nothing': ((), 'ckpt', None, r'no file ckpt\.index|is no file'),
    'an index that is damaged': (('ckpt.index', DATA), 'ckpt', 'index', DAMAGED + ': Unable'),
    'TensorFlow not installed': (('ckpt.index', DATA), 'ckpt', 'absent', 'needs TensorFlow'),
    'another model': (('ckpt.index', DATA), 'ckpt.index', 'tensor', 'is not one of the model'),
}


def enter_tensorflow(name, files, source, fault, message):
    @kind('conversion', f'TensorFlow: {name}')
    def wrong_tensorflow(place):
        for file in files:
            place.path(file).write_bytes(b'x')

        def install():
            sys.modules['tensorflow'] = None if fault == 'absent' else tensorflow_of(fault)

        convert(place, 'deeplab2', source, before=install).refused(message)


for name, entry in TENSORFLOW.items():
    enter_tensorflow(name, *entry)


def enter_place(name, prepare, options, message):
    @kind('conversion', f'place or config: {name}')
    def wrong_place(place):
        write_source(place)
        prepare(place)
        convert(place, **options).refused(message)


def nothing(place):
    pass


PLACES = {
    'a source that is missing': (nothing, dict(src='no.pth'), r'no\.pth'),
    'a source that is a folder': (nothing, dict(src='data'), r'data is no file'),
    'a source that is a pipe': (
        lambda place: os.mkfifo('pipe'),
        dict(src='pipe'),
        'checkpoint pipe is no file',
    ),
    'a result in a folder that is missing': (nothing, dict(dst='no/dst.pth'), 'folder that exists'),
    'a result that is a folder': (nothing, dict(dst='data'), 'must be a file in a folder'),
    'a result that is the source': (nothing, dict(dst='src.pth'), 'would replace files of the che'),
    'a result that links to the source': (
        lambda place: place.path('link.pth').symlink_to('src.pth'),
        dict(dst='link.pth'),
        'would replace files of the checkpoint',
    ),
    'a format that is not known': (nothing, dict(form='caffe'), "invalid choice: 'caffe'"),
    'a config that is missing': (nothing, dict(config='no.py'), r'no\.py'),
    'a config of another project': (
        lambda place: place.path('other.py').write_text("model = dict(type='RetinaNet')\n"),
        dict(config='other.py'),
        'other|RetinaNet',
    ),
    'a config without a model': (
        lambda place: place.path('other.py').write_text('x = 1\n'),
        dict(config='other.py'),
        r'other\.py.*model',
    ),
    'a config of another backbone': (
        lambda place: place.edit_config("model['backbone']['depth'] = 50"),
        {},
        'the checkpoint has ResNet-18, but the config.s model has ResNet-50',
    ),
    'the format of another project': (nothing, dict(form='convnext'), 'looks like a checkpoint of'),
    'a checkpoint of this project': (nothing, dict(src='weights.pth'), 'needs no conversion'),
    'ImageNet weights as the port': (nothing, dict(form='port'), 'looks like a checkpoint of form'),
}
for name, entry in PLACES.items():
    enter_place(name, *entry)


@kind('conversion', 'place or config: a disk that is full')
def full_disk(place):
    write_source(place)
    convert(place, before=partial(limit_files, 5000)).refused(
        r'dst\.pth cannot be written: .*File too large'
    )


@kind('conversion', 'place or config: what was converted starts a training')
def used(place):
    write_source(place)
    convert(place).works()
    place.edit_config("load_from = 'dst.pth'")
    place.command('train', 'config.py').works()
    place.command('test', 'config.py', 'dst.pth').refused(
        r'checkpoint dst\.pth is not one of the model in the config: .* weights are missing',
        'work_dirs',
    )
