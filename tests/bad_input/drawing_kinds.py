"""Pictures and summaries: draw, curve, summarize, cost, and mmdet's own analysis tools."""

import errno
import json
import os
import runpy
import shutil
import sys
from functools import partial
from pathlib import Path

import cv2
import mmdet
from inference_kinds import limit_files
from kinds import kind

MODEL = ('config.py', 'weights.pth')
ANALYSIS = Path(mmdet.__file__).parent / '.mim/tools/analysis_tools'
LOG = '{"lr": 0.1, "loss": 2.5, "loss_pq": 1.0, "iter": 1, "step": 1}\n'
VAL = '{"coco_panoptic/PQ": 12.5, "step": 1}\n'


def write_log(place, text, folder='run'):
    path = place.path(f'{folder}/20260101_000000/vis_data/scalars.json')
    path.parent.mkdir(parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def enter_log(name, text, message):
    @kind('drawing', f'curve: {name}')
    def wrong_log(place):
        write_log(place, text)
        write_log(place, LOG + VAL, 'right')
        place.command('curve', 'run').refused(message)
        place.command('curve', 'right', 'run', '--out', 'c.png').refused(message)


def enter_odd_log(name, text):
    @kind('drawing', f'curve: {name}: drawn')
    def odd_log(place):
        write_log(place, text)
        write_log(place, LOG + VAL, 'right')
        place.command('curve', 'run').works('training curve in run/training_curve.png')
        place.command('curve', 'right', 'run', '--out', 'c.png').works()
        assert cv2.imread('c.png') is not None


NO_LOSS = r'no losses in run/\*/vis_data/scalars\.json'
LOGS = {
    'an empty log': ('', NO_LOSS),
    'a log of validations only': (VAL, NO_LOSS),
    'a log that is no text': (b'\xff\xfe\x00\x01\n', r'scalars\.json'),
    'a log whose lines are lists': ('[1]\n', NO_LOSS),
    'a log whose losses are words': (LOG.replace('2.5', '"much"'), r'scalars\.json.*loss'),
    'a log without steps': (LOG.replace('"step"', '"stop"'), r'scalars\.json.*step'),
    'a log whose steps are words': (LOG.replace('"step": 1', '"step": "x"'), 'step'),
    'a log without a learning rate': (LOG.replace('"lr"', '"rl"'), r'scalars\.json.*lr'),
}
for name, (text, message) in LOGS.items():
    enter_log(name, text, message)
ODD_LOGS = {
    'half a line at the end': LOG + VAL + LOG[:20],
    'a broken line in between': LOG + 'x}{\n' + LOG.replace('"step": 1', '"step": 2') + VAL,
    'a loss that is NaN': LOG + LOG.replace('2.5', 'NaN'),
    'a loss that is zero': LOG.replace('2.5', '0.0'),
    'a loss that is infinite': LOG + LOG.replace('2.5', 'Infinity'),
    'one iteration': LOG,
    'a byte order mark': '\ufeff' + LOG + LOG,
    'blank lines': '\n\n' + LOG + '\n',
}
for name, text in ODD_LOGS.items():
    enter_odd_log(name, text)


@kind('drawing', 'curve: folders and places')
def curve_places(place):
    place.command('curve', 'nothing').refused('no losses in nothing')
    place.command('curve', 'weights.pth').refused('no losses in weights.pth')
    write_log(place, LOG + VAL)
    place.command('curve', 'run', '--out', 'c.xyz').refused(r'c\.xyz|xyz')
    place.command('curve', 'run', '--out', 'data').refused('data')
    place.command('curve', 'run', '--out', 'weights.pth/c.png').refused(r'weights\.pth')


@kind('drawing', 'curve: a picture in its place is drawn anew, or kept where that fails')
def curve_again(place):
    write_log(place, LOG + VAL)
    place.command('curve', 'run').works()
    before = place.path('run/training_curve.png').read_bytes()
    message = rf'training_curve\.png: {os.strerror(errno.EFBIG)}'
    place.command('curve', 'run', before=partial(limit_files, 900)).refused(message)
    assert place.path('run/training_curve.png').read_bytes() == before


def enter_draw(name, words, message, change=None):
    @kind('drawing', f'draw: {name}')
    def draw(place):
        if change is not None:
            change(place)
        place.command('draw', *words).refused(message)


def without_val_image(place):
    place.path('data/val/1.png').unlink()


DRAWINGS = {
    'no weights': (('config.py', 'no.pth', 'out'), r'no\.pth does not exist'),
    'a config that is missing': (('no.py', 'weights.pth', 'out'), r'no\.py'),
    'no picture': ((*MODEL, 'out', '--num', 0), '--num must be at least 1, got 0'),
    'pictures of a word': ((*MODEL, 'out', '--num', 'all'), "invalid int value: 'all'"),
    'a place that is a file': ((*MODEL, 'weights.pth'), r'weights\.pth'),
    'over the images': ((*MODEL, 'data/val'), r'val/1\.png would replace the image'),
    'an option that is misspelt': (
        (*MODEL, 'out', '--cfg-options', 'modle.x=1'),
        'modle',
    ),
    'a device that is none': ((*MODEL, 'out', '--device', 'abacus'), 'abacus cannot be used'),
    'an image that is missing': ((*MODEL, 'out'), r'val/1\.png', without_val_image),
    'a PNG that is missing': (
        (*MODEL, 'out'),
        r'panoptic_val/1\.png',
        lambda place: place.path('data/panoptic_val/1.png').unlink(),
    ),
    'an image that is a pipe': (
        (*MODEL, 'out'),
        r'val/1\.png is a named pipe',
        lambda place: (without_val_image(place), os.mkfifo('data/val/1.png')),
    ),
}
for name, entry in DRAWINGS.items():
    enter_draw(name, *entry)


@kind('drawing', 'draw: a disk that is full')
def draw_full_disk(place):
    result = place.command('draw', *MODEL, 'out', before=partial(limit_files, 20_000))
    result.refused(rf'out/1\.png: {os.strerror(errno.EFBIG)}')


@kind('drawing', 'draw: a picture in its place is drawn anew')
def drawn_again(place):
    place.command('draw', *MODEL, 'out', '--num', 9).works('2 pictures in out')
    place.path('kept').mkdir()
    shutil.copy('out/1.png', 'kept/1.png')
    place.path('out/1.png').write_bytes(b'x')
    place.path('out').rename('work_dirs')
    place.command('draw', *MODEL, 'work_dirs', '--num', 9).works()
    assert place.path('work_dirs/1.png').read_bytes() == place.path('kept/1.png').read_bytes()


STAGES = 'train\t3\ttrain x\n'
METRICS = '{"coco_panoptic/PQ": 1.0}'


def enter_summary(name, files, message):
    @kind('drawing', f'summarize: {name}')
    def summary(place):
        run = place.path('run')
        (run / 'test/1').mkdir(parents=True)
        for file, text in files.items():
            (run / file).write_text(text)
        place.command('summarize', 'run').refused(message)
        assert not (run / 'results.json').exists()


WHOLE = {
    'last_checkpoint': 'weights.pth',
    'stages.tsv': STAGES,
    'test/1/m.json': METRICS,
}
HALF = 'run holds other figures than tools/quickstart.sh writes'
SUMMARIES = {
    'an empty folder': ({}, 'holds no last_checkpoint'),
    'a checkpoint that is gone': (WHOLE | {'last_checkpoint': 'gone.pth'}, r'gone\.pth'),
    'a checkpoint that is none': (WHOLE | {'last_checkpoint': 'config.py'}, r'config\.py'),
    'a checkpoint of weights only': (WHOLE, HALF),
    'no stages': ({'last_checkpoint': 'weights.pth', 'test/1/m.json': METRICS}, r'stages\.tsv'),
    'stages of other columns': (WHOLE | {'stages.tsv': 'train 3\n'}, HALF),
    'stages that took words': (WHOLE | {'stages.tsv': 'train\tlong\tx\n'}, 'stages|' + HALF),
    'no metrics': ({k: v for k, v in WHOLE.items() if 'test' not in k}, 'no metrics in run/test'),
    'metrics that are broken': (WHOLE | {'test/1/m.json': '{'}, r'm\.json'),
    'metrics that are a list': (WHOLE | {'test/1/m.json': '[]'}, HALF + r'|m\.json'),
}
for name, (files, message) in SUMMARIES.items():
    enter_summary(name, files, message)


def enter_cost(name, words, message):
    @kind('drawing', f'cost: {name}')
    def cost(place):
        place.command('cost', *words).refused(message)


COSTS = {
    'a size of nothing': (('config.py', '--size', 0, 64), 'must be at least 64'),
    'a negative size': (('config.py', '--size', -64, 64), 'must be at least 64'),
    'one number for a size': (('config.py', '--size', 64), 'expected 2 arguments'),
    'a config that is missing': (('no.py',), r'no\.py'),
    'weights for a config': (('weights.pth',), r'weights\.pth'),
}
for name, (words, message) in COSTS.items():
    enter_cost(name, words, message)


@kind('drawing', 'cost: a config without a model, after one that is right')
def cost_without_model(place):
    place.path('empty.py').write_text('x = 1\n')
    place.command('cost', 'config.py', 'empty.py').refused(r'empty\.py.*model')


def run_tool(name, *words):
    """Run one of mmdet's tools here."""
    sys.argv = [name, *map(str, words)]
    runpy.run_path(str(ANALYSIS / name), run_name='__main__')


@kind('drawing', "mmdet's browse_dataset.py")
def browse(place):
    run_tool('browse_dataset.py', 'config.py', '--output-dir', 'out', '--not-show')
    assert len(list(place.path('out').iterdir())) == 4


@kind('drawing', "mmdet's analyze_results.py")
def analyze(place):
    place.command('test', *MODEL, '--out', 'p.pkl').works()
    # It fails at panoptic results of any data set.
    with place.raises(ValueError, 'kmax-deeplab draw'):
        run_tool('analyze_results.py', 'config.py', 'p.pkl', 'out', '--topk', 1)


@kind('drawing', 'pictures of a test for images of one name and over images')
def show_dir(place):
    place.path('data/val/s').mkdir()
    place.path('data/val/2.png').rename('data/val/s/1.png')

    def change(content):
        content['images'][1]['file_name'] = 's/1.png'

    place.edit_json('data/panoptic_val.json', change)
    place.command('test', *MODEL, '--show-dir', 'shown').works()
    shown = [path for path in place.path('work_dirs').rglob('*.png')]
    assert len(shown) == 2, shown
    place.command('test', *MODEL, '--show-dir', place.path('data/val')).refused(
        r'would replace the image', 'work_dirs'
    )
    assert json.loads(place.path('data/panoptic_val.json').read_text())['images']
