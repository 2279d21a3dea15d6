"""Checkpoints that are no checkpoints, damaged, or those of another model."""

import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile

import torch
from kinds import kind
from mmdet.apis import DetInferencer, init_detector

from projects.kmax.engine.class_rows import CLASS_LAYERS

WEIGHTS = 'weights.pth'
NAMED = rf'checkpoint {WEIGHTS} '
DAMAGED = NAMED + 'cannot be read, it may be damaged: '
OTHER = NAMED + 'is not one of the model in the config: '
LABEL = ('label', 'config.py', WEIGHTS, 'data/val', 'out', '--workers', 0)
CLASS_BIAS = 'panoptic_head.predictor.class_head.bias'


class Code:
    """Writes a file where it is unpickled."""

    def __reduce__(self):
        return os.system, ('touch ran',)


def refused(place, message, name=WEIGHTS, error=(ValueError, RuntimeError)):
    """Try all that loads weights."""
    for words in (('test', 'config.py', WEIGHTS), LABEL):
        words = [name if word == WEIGHTS else word for word in words]
        place.command(*words).refused(message)
    for build in (init_detector, DetInferencer):
        with place.raises(error, message):
            build('config.py', name, device='cpu')
    assert not place.path('ran').exists()


def taken(place, change):
    """Find that changed weights are taken as the right ones are."""
    right = init_detector('config.py', WEIGHTS, device='cpu').state_dict()
    change()
    place.command('test', 'config.py', WEIGHTS).works()
    found = init_detector('config.py', WEIGHTS, device='cpu').state_dict()
    for name, value in right.items():
        if 'semantic_decoder' not in name:
            assert torch.allclose(value.float(), found[name].float(), atol=0.06), name


def zip_of(**members):
    """Return a zip of members, as the zip tool writes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f'archive/{name}', content)
    return stream.getvalue()


def tar_of(**members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w') as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def packed_anew(content):
    """Compress the members of a checkpoint, as one who unpacks and packs it does."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = {name.partition('/')[2]: file.read(name) for name in file.namelist()}
    return zip_of(**members)


def flipped(content, at):
    changed = bytearray(content)
    changed[at] ^= 4
    return bytes(changed)


def flipped_tensor(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        largest = max(file.infolist(), key=lambda member: member.file_size)
    return flipped(content, largest.header_offset + 200)


def safetensors_of(content):
    header = json.dumps({'a': dict(dtype='F32', shape=[1], data_offsets=[0, 4])}).encode()
    return len(header).to_bytes(8, 'little') + header + bytes(4)


FILES = {
    'an empty file': (lambda _: b'', DAMAGED),
    'a pointer of Git LFS': (
        lambda _: b'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n',
        DAMAGED,
    ),
    'a web page that says not found': (lambda _: b'<!DOCTYPE html><html>404</html>', DAMAGED),
    'a download cut short': (lambda content: content[: len(content) // 2], DAMAGED),
    'a download without its first bytes': (lambda content: content[100:], DAMAGED),
    'zeros of the right length': (lambda content: bytes(len(content)), DAMAGED),
    'a zip of something else': (lambda _: zip_of(**{'readme.txt': b'hello'}), DAMAGED),
    'a zip without the numbers': (
        lambda content: zip_of(**{'data.pkl': _pickle_of(content), 'version': b'3\n'}),
        DAMAGED,
    ),
    'a bit flip in a tensor': (flipped_tensor, DAMAGED + '.*wrong checksum'),
    'a bit flip in the directory of the zip': (lambda content: flipped(content, -60), DAMAGED),
    'a bit flip in the pickle': (lambda content: flipped(content, 90), DAMAGED),
    'compressed by gzip': (gzip.compress, DAMAGED),
    'a tar, as torch 0.1 wrote': (
        lambda _: tar_of(sys_info=b'x', pickle=b'x', storages=b'x', tensors=b'x'),
        DAMAGED,
    ),
    'a pickle that runs code': (lambda _: pickle.dumps(Code()), DAMAGED),
    'a pickle of arrays of numpy': (
        lambda content: pickle.dumps(dict(model=_arrays(content))),
        DAMAGED,
    ),
    'safetensors named pth': (safetensors_of, DAMAGED),
}


def _pickle_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return file.read(next(name for name in file.namelist() if name.endswith('data.pkl')))


def _arrays(content):
    weights = torch.load(io.BytesIO(content), weights_only=True)['state_dict']
    return {name: value.numpy() for name, value in weights.items()}


def enter_file(name, change, message):
    @kind('checkpoints', name)
    def file_changed(place):
        path = place.path(WEIGHTS)
        path.write_bytes(change(path.read_bytes()))
        refused(place, message)


for name, (change, message) in FILES.items():
    enter_file(name, change, message)


@kind('checkpoints', 'packed anew with compression: taken')
def compressed(place):
    path = place.path(WEIGHTS)
    taken(place, lambda: path.write_bytes(packed_anew(path.read_bytes())))


@kind('checkpoints', 'no file')
def missing(place):
    refused(place, r'no\.pth', 'no.pth', FileNotFoundError)


@kind('checkpoints', 'a folder')
def folder(place):
    refused(place, 'data', 'data', FileNotFoundError)


@kind('checkpoints', 'a named pipe')
def pipe(place):
    os.mkfifo(place.path('pipe.pth'))
    refused(place, r'pipe\.pth', 'pipe.pth', FileNotFoundError)


@kind('checkpoints', 'a link to itself')
def endless(place):
    place.path('link.pth').symlink_to('link.pth')
    refused(place, r'link\.pth', 'link.pth', OSError)


@kind('checkpoints', 'a name of null characters or too long')
def names(place):
    for name in ('a' * 300, 'a\0b'):
        for build in (init_detector, DetInferencer):
            with place.raises((OSError, ValueError), name[0]):
                build('config.py', name, device='cpu')


@kind('checkpoints', 'a URL that nobody answers')
def url(place):
    refused(place, r'127\.0\.0\.1:9/a\.pth cannot', 'http://127.0.0.1:9/a.pth', OSError)


@kind('checkpoints', 'a URL of a kind that is not known')
def url_kind(place):
    refused(place, r'gopher://a/b\.pth', 'gopher://a/b.pth', (ValueError, FileNotFoundError))


def change_weights(change):
    """Return a change of a checkpoint from one of its weights."""

    def changed(content):
        weights = change(content['state_dict'])
        return content if weights is None else dict(content, state_dict=weights)

    return changed


def each(change):
    return change_weights(lambda weights: {k: change(v) for k, v in weights.items()})


def drop(share):
    """Leave out some of the weights, evenly spread."""
    return change_weights(
        lambda weights: {k: v for i, (k, v) in enumerate(weights.items()) if i % share}
    )


def named(start):
    return change_weights(lambda weights: {start + k: v for k, v in weights.items()})


def quantised(value):
    if value.is_floating_point():
        return torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)
    return value


def rounded(value):
    return (value * 127).to(torch.int8) if value.is_floating_point() else value


def set_one(name, value):
    def change(weights):
        weights[name] = value(weights[name])

    return change_weights(change)


NO_WEIGHTS = NAMED + 'holds no weights'
CONTENTS = {
    'a list of tensors': (lambda content: list(content['state_dict'].values()), NO_WEIGHTS),
    'a single tensor': (lambda content: torch.ones(3), NO_WEIGHTS),
    'an empty state': (change_weights(lambda weights: {}), NO_WEIGHTS),
    'a state of strings': (each(lambda value: 'text'), NO_WEIGHTS),
    'a state in a state': (lambda content: dict(state_dict=content), NO_WEIGHTS),
    'only averaged weights': (lambda content: dict(ema=content['state_dict']), NO_WEIGHTS),
    'only an optimizer': (lambda content: dict(optimizer=dict(state={})), NO_WEIGHTS),
    'weights under the name model': (lambda content: dict(model=content['state_dict']), NO_WEIGHTS),
    'a state that is None': (lambda content: dict(state_dict=None), NO_WEIGHTS),
    'weights with numbers for names': (
        change_weights(lambda weights: dict(enumerate(weights.values()))),
        NAMED,
    ),
    'weights of which one is a string': (set_one(CLASS_BIAS, lambda _: 'x'), NAMED),
    'weights of which one is None': (set_one(CLASS_BIAS, lambda _: None), NAMED),
    'names of a wrapper around the model': (named('model.'), OTHER + '.*missing'),
    'weights of the backbone alone': (
        change_weights(lambda w: {k: v for k, v in w.items() if k.startswith('backbone.')}),
        OTHER + '.*missing',
    ),
    'five per cent of weights missing': (drop(20), OTHER + r'\d+ of \d+ weights are missing'),
    'one weight missing': (
        change_weights(lambda w: {k: v for k, v in w.items() if k != CLASS_BIAS}),
        OTHER + f'.*{CLASS_BIAS}',
    ),
    'weights of other classes': (
        set_one(CLASS_BIAS, lambda value: value[:3]),
        OTHER + '.*only the numbers of classes differ',
    ),
    'a matrix that is transposed': (
        set_one('backbone.conv1.weight', lambda value: value.transpose(1, 2)[:, :2]),
        OTHER + r'.*instead of',
    ),
    'a weight without dimensions': (
        set_one('backbone.bn1.weight', lambda value: value[0]),
        OTHER + r'.*\(\) instead of',
    ),
    'weights of whole numbers': (each(rounded), NAMED + '.*int8'),
    'complex weights': (each(lambda v: v.to(torch.complex64)), NAMED + '.*complex64'),
    'quantised weights': (each(quantised), NAMED + '.*qint8'),
    'sparse weights': (each(lambda v: v.to_sparse() if v.ndim else v), NAMED + '.*sparse'),
    'weights without memory': (each(lambda v: v.to('meta')), NAMED + '.*meta'),
}


def enter_content(name, change, message):
    @kind('checkpoints', name)
    def content_changed(place):
        place.edit_weights(change)
        refused(place, message)


for name, (change, message) in CONTENTS.items():
    enter_content(name, change, message)


def infinite(value):
    return torch.full_like(value, torch.inf)


NOT_FINITE = {
    'weights that are NaN': each(lambda v: v * torch.nan if v.is_floating_point() else v),
    'one weight that is infinite': set_one('backbone.conv1.weight', infinite),
    'a negative variance': set_one('backbone.bn1.running_var', lambda value: value - 9),
}


def enter_not_finite(name, change):
    @kind('checkpoints', name)
    def not_finite(place):
        message = r'logits are not finite for image .*1\.png: check the weights'
        place.edit_weights(change)
        place.command('test', 'config.py', WEIGHTS).refused(message, 'work_dirs')
        place.command(*LABEL).refused(message, r'out\.unfinished')
        place.command('draw', 'config.py', WEIGHTS, 'out', '--num', 1).refused(message)
        inferencer = DetInferencer('config.py', WEIGHTS, device='cpu', show_progress=False)
        with place.raises(ValueError, message):
            inferencer('data/val/1.png', out_dir='out', no_save_pred=False)


for name, change in NOT_FINITE.items():
    enter_not_finite(name, change)

TAKEN = {
    'half precision': each(lambda v: v.half() if v.is_floating_point() else v),
    'double precision': each(lambda v: v.double() if v.is_floating_point() else v),
    'names of a distributed wrapper': named('module.'),
    'weights that no part of the model has': change_weights(lambda w: {**w, 'x': torch.ones(1)}),
    'bare weights': lambda content: content['state_dict'],
    'no auxiliary decoder': change_weights(
        lambda w: {k: v for k, v in w.items() if 'semantic_decoder' not in k}
    ),
}


def enter_taken(name, change):
    @kind('checkpoints', f'{name}: taken')
    def content_changed(place):
        taken(place, lambda: place.edit_weights(change))


for name, change in TAKEN.items():
    enter_taken(name, change)


def write_old_format(place):
    content = torch.load(place.path(WEIGHTS), weights_only=True)
    torch.save(content, place.path(WEIGHTS), _use_new_zipfile_serialization=False)


@kind('checkpoints', 'the format of torch before 1.6: taken')
def old_format(place):
    taken(place, lambda: write_old_format(place))


@kind('checkpoints', 'the format of torch before 1.6, cut short')
def old_format_cut(place):
    write_old_format(place)
    os.truncate(place.path(WEIGHTS), 200_000)
    refused(place, DAMAGED)


@kind('checkpoints', 'a whole model instead of its weights')
def whole_model(place):
    torch.save(torch.nn.Conv2d(1, 1, 1), place.path(WEIGHTS))
    refused(place, NAMED + r'is refused: .*nn\.modules\.conv\.Conv2d')


@kind('checkpoints', 'code beside the weights')
def code_beside(place):
    place.edit_weights(lambda content: dict(content, x=Code()))
    refused(place, NAMED + r'is refused: to be read it wants posix\.system, which can run code')


@kind('checkpoints', 'a traced model')
def traced(place):
    torch.jit.script(torch.nn.Conv2d(1, 1, 1)).save(place.path(WEIGHTS))
    refused(place, DAMAGED + '.*TorchScript')


@kind('checkpoints', 'a model with more queries')
def queries(place):
    place.edit_config("model['panoptic_head']['transformer_decoder']['num_queries'] = 9")
    refused(place, OTHER + '.*other shapes')


@kind('checkpoints', 'a model with another backbone')
def backbone(place):
    place.edit_config("model['backbone']['depth'] = 50")
    refused(place, OTHER)


def enter_meta(name, meta, message):
    @kind('checkpoints', name)
    def wrong_meta(place):
        place.edit_weights(lambda content: dict(content, meta=meta))
        refused(place, NAMED + 'cannot be used: its meta' + message)


NAMES = ('car', 'person', 'road', 'sky')
META = {
    'more names of classes than the model has': (
        dict(classes=(*NAMES, 'x')),
        'names 5 classes, the model has 4',
    ),
    'fewer names of classes than the model has': (
        dict(classes=NAMES[:3]),
        'names 3 classes, the model has 4',
    ),
    'the names of classes are a number': (dict(classes=4), 'must be the names'),
    'the names of classes are None': (dict(classes=None), 'must be the names'),
    'the names of classes are numbers': (dict(classes=[1, 2, 3, 4]), 'must be the names'),
    'what belongs to the classes is a list': (list(NAMES), 'is a list, not a dict'),
    'a colour too few': (dict(classes=NAMES, palette=[(1, 2, 3)] * 3), '3 colours for 4 classes'),
}
for name, (meta, message) in META.items():
    enter_meta(name, dict(dataset_meta=meta), '.*' + message)
enter_meta('what belongs to the checkpoint is a string', 'text', ' is a str, not a dict')


def enter_names(name, classes):
    @kind('checkpoints', f'{name}: taken')
    def odd_names(place):
        meta = dict(dataset_meta=dict(classes=classes))
        taken(place, lambda: place.edit_weights(lambda content: dict(content, meta=meta)))
        inferencer = DetInferencer('config.py', WEIGHTS, device='cpu', show_progress=False)
        result = inferencer('data/val/1.png', out_dir='out', no_save_pred=False)
        segments = result['predictions'][0]['segments_info']
        assert segments and all(s['name'] == classes[s['label']] for s in segments)
        assert json.loads(place.path('out/preds/1.json').read_text())['segments_info'] == segments
        assert place.path('out/vis/1.png').is_file()


ODD_NAMES = {
    'a class is named twice': ('car', 'sky', 'sky', 'sky'),
    'classes have no names': ('',) * 4,
    'names in Chinese, Japanese and Korean': ('汽车', '人', '道路', '空・하늘'),
    'names longer than the image': tuple(name * 300 for name in NAMES),
    'names with newlines and tabs': tuple(f'{name}\n\t' for name in NAMES),
    'names of two directions and joined signs': ('سيارة', 'אדם', '👩‍👩‍👧', '\u202esky'),
}
for name, classes in ODD_NAMES.items():
    enter_names(name, classes)


@kind('checkpoints', 'classes in another order than in the data: put in order')
def other_order(place):
    right = place.command('test', 'config.py', WEIGHTS, '--out', 'right.pkl').works()
    place.edit_weights(reorder)
    place.command('test', 'config.py', WEIGHTS, '--out', 'found.pkl').works('continue from')
    assert right.status == 0
    first, second = (pickle.loads(place.path(f'{x}.pkl').read_bytes()) for x in ('right', 'found'))
    for one, other in zip(first, second, strict=True):
        maps = [sample['pred_panoptic_seg']['sem_seg'] for sample in (one, other)]
        assert torch.equal(torch.as_tensor(maps[0]), torch.as_tensor(maps[1]))
    place.command('draw', 'config.py', WEIGHTS, 'drawn').works()


def reorder(content):
    """Swap the stuff classes of a checkpoint and say so."""
    for name, value in content['state_dict'].items():
        if CLASS_LAYERS.fullmatch(name):
            content['state_dict'][name] = value[[0, 1, 3, 2, *range(4, len(value))]]
    content['meta'] = dict(dataset_meta=dict(classes=('car', 'person', 'sky', 'road')))


@kind('checkpoints', 'two files of which one has the wrong ending')
def ending(place):
    shutil.copy(place.path(WEIGHTS), place.path('weights.pth.part'))
    place.command('test', 'config.py', 'weights.pth.part').works()
