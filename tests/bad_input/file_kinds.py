"""Places to write to that are wrong, full or another's, names of files, and options of commands."""

import os
import resource
import subprocess
import time
from functools import partial

from kinds import Outcome, kind

from projects.kmax.commands import arguments, config_file

TRAIN = ('train', 'config.py')
TEST = ('test', 'config.py', 'weights.pth')
CHECK = ('check', 'config.py', '--workers', '1')
LABEL = ('label', 'config.py', 'weights.pth', 'data/val', '--workers', '0')
DRAW = ('draw', 'config.py', 'weights.pth')
FULL = 'File too large|No space left'


def silence():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def fill(size):
    """Let no file grow beyond a size, as on a full disk; that of standard output is none of it."""
    silence()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def limit(size):
    """Return what lets the disk be full once the config is read, if any is."""

    def before():
        for module in (arguments, config_file):
            module.check_settings = lambda *args: fill(size)

    return before


def full(place, words, name, size, leaves):
    before = partial(fill, size) if words[0] == 'shapes' else limit(size)
    result = place.command(*words, before=before)
    result.ends(2, rf'error: .*{name}.*({FULL})', leaves)
    partial_files = [str(p) for p in place.folder.rglob('*.partial*')]
    if partial_files:
        raise Outcome('left', str(partial_files))


for what, words, name, size, leaves in (
    ('the predictions of a test', (*TEST, '--out', 'p.pkl'), r'p\.pkl', 20000, 'work_dirs'),
    ('the report of a check', (*CHECK, '--out', 'report.html'), r'report\.html', 2000, '^$'),
    ('drawings', (*DRAW, 'drawn'), r'drawn/', 600, '^$'),
    ('drawings of a test', (*TEST, '--show-dir', 'drawn'), r'drawn/', 20000, 'work_dirs'),
    (
        'labels',
        (*LABEL, 'labels', '--min-score', '0', '--min-area', '0'),
        r'labels',
        600,
        r'unfinished|labels',
    ),
    ('a checkpoint', TRAIN, r'iter_2\.pth', 300000, 'work_dirs'),
    ('results for a server', (*TEST, '--format-only'), r'results|work_dirs', 600, 'work_dirs'),
    (
        'shapes',
        ('shapes', 'drawn', '--train', '2', '--val', '1', '--workers', '1'),
        'drawn',
        600,
        r'drawn',
    ),
):
    kind('files', f'the disk has no room for {what}')(
        partial(full, words=words, name=name, size=size, leaves=leaves)
    )


@kind('files', 'the disk has no room for the log of a training')
def full_log(place):
    def shrink(process):
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            logs = list(place.folder.glob('work_dirs/*/*.log'))
            if logs and 'Iter(train)' in logs[0].read_text():
                break
            time.sleep(0.02)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (5000, 5000))

    words = (
        '--cfg-options',
        'default_hooks.checkpoint.interval=-1',
        'default_hooks.checkpoint.save_last=False',
        'train_cfg.max_iters=20',
        'train_cfg.val_interval=20',
    )
    result = place.command(*TRAIN, *words, before=silence, meanwhile=shrink)
    result.works()
    assert 'Logging error' not in result.text
    assert '.log cannot be written (File too large): the run goes on' in result.err, result


@kind('files', 'the disk has no room for the curve')
def full_curve(place):
    place.command(*TRAIN).works()
    place.command('curve', 'work_dirs', '--out', 'c.png', before=partial(fill, 600)).refused(
        rf'c\.png.*({FULL})'
    )


def as_file(place, name):
    place.path(name).write_text('mine')


def inside_file(place, words, name):
    """A folder to write to is a file of the user's."""
    as_file(place, name)
    place.command(*words).refused(rf'{name}.*(folder|directory|exists|file)')


for what, words, name in (
    ('the work folder of a training', TRAIN, 'work_dirs'),
    ('the work folder of a test', TEST, 'work_dirs'),
    ('the folder of drawings', (*DRAW, 'drawn'), 'drawn'),
    ('the folder of labels', (*LABEL, 'labels'), 'labels'),
    ('the folder of shapes', ('shapes', 'drawn', '--train', '1'), 'drawn'),
    ('the folder of a curve', ('curve', 'data', '--out', 'drawn/c.png'), 'drawn'),
    ('the folder of the report', (*CHECK, '--out', 'drawn/r.html'), 'drawn'),
    ('the folder of the pickle', (*TEST, '--out', 'drawn/p.pkl'), 'drawn'),
):
    kind('files', f'{what} is a file')(partial(inside_file, words=words, name=name))


@kind('files', 'a link to nowhere is to be the work folder')
def dangling(place):
    os.symlink('/nowhere/at/all', place.path('work_dirs'))
    place.command(*TRAIN).refused('work_dirs|nowhere')


@kind('files', 'the work folder is in /proc, where nobody can write')
def no_place(place):
    for words in (TRAIN, TEST):
        place.command(*words, '--work-dir', '/proc/kmax').refused('/proc/kmax')
    place.command(*CHECK, '--out', '/proc/kmax/r.html').refused('/proc/kmax')
    place.command(*TEST, '--out', '/proc/kmax/p.pkl').refused('/proc/kmax', leaves='work_dirs')
    place.command(*LABEL, '/proc/kmax').refused('/proc')
    place.command(*DRAW, '/proc/kmax').refused('/proc/kmax')
    place.command('shapes', '/proc/kmax', '--train', '1').refused('/proc/kmax')


@kind('files', 'the name of the work folder is too long')
def long_name(place):
    name = 'x' * 300
    place.command(*TRAIN, '--work-dir', name).refused('x{250,}.*too long')
    place.command(*TEST, '--out', f'{name}.pkl').refused('x{250,}.*too long', leaves='work_dirs')
    place.command(*CHECK, '--out', f'{name}.html').refused('too long')
    place.command(*DRAW, name).refused('too long')
    place.command(*LABEL, name).refused('too long')


@kind('files', 'the pickle is a folder, or ends otherwise')
def pickle_folder(place):
    place.path('p.pkl').mkdir()
    place.command(*TEST, '--out', 'p.pkl').refused(r'--out: p\.pkl is a folder')
    place.command(*TEST, '--out', 'p.json').refused(r'--out must end in \.pkl')


@kind('files', 'the report of a check is a folder')
def report_folder(place):
    place.command(*CHECK, '--out', 'data').refused('--out: data is a folder')


@kind('files', 'labels are to be written among the images')
def among_images(place):
    place.command(*LABEL, 'data/val/labels').refused('is in the folder of the images')
    place.command(*LABEL, 'data/val').refused('is in the folder of the images')


@kind('files', 'labels are to be written over the annotations')
def over_annotations(place):
    place.command(*LABEL, 'data/panoptic_val').refused(r'panoptic_val.*(no result|no record)')


@kind('files', 'drawings are to be written over images')
def over_images(place):
    place.command(*DRAW, 'data/val').refused('would replace the image')


@kind('files', 'results are to be written over annotations')
def results_over(place):
    # They have endings of their own; nothing that was there is changed.
    for prefix in ('data/panoptic_val', 'data/val'):
        place.command(*TEST, '--format-only', '--outfile-prefix', prefix).works()


@kind('files', 'converted weights are to be written over their source')
def convert_over(place):
    place.command('convert', 'port', 'weights.pth', 'weights.pth', '--config', 'config.py').refused(
        'would replace files of the checkpoint'
    )
    place.command('convert', 'port', 'weights.pth', 'no/x.pth', '--config', 'config.py').refused(
        'must be a file in a folder that exists'
    )


@kind('files', 'shapes are to be drawn into a folder of other things')
def shapes_over(place):
    place.command('shapes', 'data', '--train', '1', '--force').refused('holds files that are not')


@kind('files', 'shapes of another size are there already')
def shapes_again(place):
    words = ('shapes', 's', '--train', '1', '--val', '1', '--workers', '1')
    place.command(*words).works()
    place.command(*words, '--size', '96', '64').refused('was drawn with other arguments')
    place.path('s/shapes.json').write_text('{')
    place.command(*words).refused(r'shapes\.json is not valid JSON')


@kind('files', 'the curve is of no training')
def no_training(place):
    place.command('curve', 'data').refused('data')
    place.command('curve', 'gone').refused('gone')
    place.command('summarize', 'data').refused('data is not the folder of a training')


@kind('files', 'the log that a curve is drawn of is damaged')
def damaged_log(place):
    place.command(*TRAIN).works()
    for log in place.folder.glob('work_dirs/*/vis_data/scalars.json'):
        log.write_text(log.read_text() + '{"loss": ')
    result = place.command('curve', 'work_dirs', '--out', 'c.png')
    assert result.status in (0, 2), result
    result._no_traceback()


@kind('files', 'the run to summarise is half there')
def half_run(place):
    place.command(*TRAIN).works()
    place.command('summarize', 'work_dirs').refused('work_dirs')


@kind('files', 'names have spaces, quotes and other signs')
def odd_names(place):
    name = 'a b\'c"d;$e ü 汉'
    place.path(name).mkdir()
    os.rename(place.path('config.py'), place.path(f'{name}/my config.py'))
    config = f'{name}/my config.py'
    place.command('train', config, '--work-dir', f'{name}/run').works(r'Iter\(train\) \[2/2\]')
    place.command('test', config, f'{name}/run/iter_2.pth', '--out', f'{name}/p.pkl').works()
    place.command('curve', f'{name}/run').works()
    place.command('check', config, '--out', f'{name}/r.html').ends(
        place.command('check', config, '--out', f'{name}/r2.html').status
    )


@kind('files', 'a name is not UTF-8')
def not_utf8(place):
    name = os.fsdecode(b'w\xff.pth')
    os.rename(place.path('weights.pth'), place.path(name))
    place.command('test', 'config.py', name).works()
    place.command('test', 'config.py', os.fsdecode(b'v\xff.pth')).refused('does not exist')


@kind('files', 'a name holds a newline')
def newline(place):
    place.command('test', 'config.py', 'a\nb.pth').refused(r'a b\.pth does not exist')
    place.command('train', 'a\nb.py').refused(r'a b\.py does not exist')
    place.command(*TRAIN, '--work-dir', 'work\ndirs').works()


@kind('files', 'a name holds a null character, or is empty')
def null(place):
    place.command('test', 'config.py', 'a\0b').refused('does not exist|null')
    place.command('test', 'config.py', '').refused('file .* (does not exist|empty)')
    place.command('train', '').refused(r'\(empty\)')


@kind('files', 'there is no home, and no folder for temporary files')
def no_home(place):
    def before():
        for name in ('HOME', 'TMPDIR', 'USER', 'LOGNAME'):
            os.environ.pop(name, None)
        os.environ['TMPDIR'] = '/nowhere'

    place.command(*TRAIN, before=before).works(r'Iter\(train\) \[2/2\]')
    place.command(*CHECK, before=before).ends(place.command(*CHECK).status)


@kind('files', 'the locale is C')
def locale(place):
    run = script(place, 'check_dataset.py', 'config.py', env=dict(LC_ALL='C', PYTHONUTF8='0'))
    assert run.returncode in (0, 1) and 'Traceback' not in run.stderr, run


def script(place, name, *words, env=None, pipe=''):
    """Run a tool of the clone in a new process, in a shell where its output goes into a pipe."""
    import sys

    from imports import ROOT

    line = ' '.join([sys.executable, str(ROOT / 'tools' / name), *words]) + pipe
    return subprocess.run(
        ['bash', '-o', 'pipefail', '-c', line],
        cwd=place.folder,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=120,
    )


@kind('files', 'nobody reads the output any more')
def closed_pipe(place):
    run = script(place, 'model_cost.py', 'config.py', pipe=' | true')
    assert run.returncode == 141 and not run.stderr, run


@kind('files', 'nobody reads the lines of a training any more')
def closed_pipe_train(place):
    run = script(place, 'train.py', 'config.py', pipe=' | head -1')
    lines = run.stderr.splitlines()
    assert run.returncode == 0 and place.path('work_dirs/iter_2.pth').exists(), run
    assert all('the run goes on' in line for line in lines), run


@kind('files', 'standard output is full, or closed')
def full_output(place):
    run = script(place, 'model_cost.py', 'config.py', pipe=' > /dev/full')
    assert run.returncode == 2, run
    assert run.stderr == 'model_cost.py: error: standard output: No space left on device\n', run
    run = script(place, 'model_cost.py', 'config.py', pipe=' >&-')
    assert run.returncode == 0 and not run.stderr, run


@kind('files', 'the current folder was removed')
def no_folder(place):
    def before():
        place.path('gone').mkdir()
        os.chdir(place.path('gone'))
        place.path('gone').rmdir()

    place.command('train', place.path('config.py'), before=before).refused('.')


def refused_options(place, words, message):
    place.command(*words).refused(message)


for name, words, message in (
    ('no subcommand', (), 'a subcommand is missing|no subcommand'),
    ('a misspelt subcommand', ('trian', 'config.py'), 'no subcommand trian, did you mean train'),
    ('an unknown option', (*TRAIN, '--gpus', '2'), 'unrecognized arguments: --gpus'),
    ("another subcommand's option", (*TRAIN, '--out', 'x.pkl'), '--out is an option of .*test'),
    ('no config', ('train',), 'required: config'),
    ('no checkpoint', ('test', 'config.py'), 'required: checkpoint'),
    ('an option without its value', (*TRAIN, '--work-dir'), '--work-dir: expected one argument'),
    ('an unknown launcher', (*TRAIN, '--launcher', 'ssh'), "invalid choice: 'ssh'"),
    ('a device that is none', (*DRAW, 'd', '--device', 'gpu'), 'gpu cannot be used here'),
    ('a GPU that is not there', (*DRAW, 'd', '--device', 'cuda:9'), 'cuda:9 cannot be used here'),
    ('no picture', (*DRAW, 'd', '--num', '0'), '--num must be at least 1, got 0'),
    ('workers below 0', ('check', 'config.py', '--workers', '-1'), '--workers must be at least 1'),
    ('workers in words', ('check', 'config.py', '--workers', 'two'), "invalid int value: 'two'"),
    ('a negative number of pictures', (*CHECK, '--num-pictures', '-1'), '--num-pictures must be'),
    ('a score above 1', (*LABEL, 'l', '--min-score', '7'), '--min-score must be between 0 and 1'),
    ('a score that is NaN', (*LABEL, 'l', '--min-score', 'nan'), '--min-score must be between'),
    ('a negative area', (*LABEL, 'l', '--min-area', '-5'), '--min-area must be at least 0'),
    ('readers below 0', (*LABEL[:-1], '-3', 'l'), '--workers must be at least 0, got -3'),
    ('a shard beyond the last', (*LABEL, 'l', '--shard', '4/4'), 'must be I/N with I from 0'),
    ('a shard in words', (*LABEL, 'l', '--shard', 'one'), 'must be I/N'),
    ('a JSON for labels', (*LABEL, 'l.json'), 'must be a folder; the JSON is written beside it'),
    ('images that are not there', (*LABEL[:3], 'gone', 'l'), 'gone'),
    ('a folder without images', (*LABEL[:3], 'work', 'l'), 'work'),
    ('a prefix, but no format', (*TEST, '--outfile-prefix', 'x'), 'needs --format-only'),
    ('a size too small', ('cost', 'config.py', '--size', '5', '5'), 'must be at least 64'),
    ('a negative size', ('cost', 'config.py', '--size', '-64', '64'), '--size'),
    ('one side of a size', ('cost', 'config.py', '--size', '64'), '--size: expected 2 arguments'),
    (
        'an unknown format',
        ('convert', 'caffe', 'a', 'b', '--config', 'config.py'),
        'invalid choice',
    ),
    ('no config to convert for', ('convert', 'port', 'weights.pth', 'b.pth'), 'required: --config'),
    ('a source that is not there', ('convert', 'port', 'a', 'b.pth', '--config', 'config.py'), 'a'),
    (
        'weights of another format',
        ('convert', 'timm', 'weights.pth', 'b.pth', '--config', 'config.py'),
        r'weights\.pth',
    ),
    ('scenes below 0', ('shapes', 's', '--train', '-1'), '--train must be at least 0'),
    ('scenes too small', ('shapes', 's', '--size', '3', '3'), '--size needs at least'),
    ('downloads that are not there', ('prepare-coco', 'gone', 'out'), 'gone'),
    ('a file for downloads', ('prepare-cityscapes', 'config.py', 'out'), r'config\.py'),
    ('a part that is none', ('prepare-coco', 'data', 'out', '--splits', 'tests'), 'invalid choice'),
    ('a waiting time in words', (*TEST, '--wait-time', 'long'), 'invalid float value'),
):
    kind('commands', f'a command is given {name}')(
        partial(refused_options, words=words, message=message)
    )


@kind('commands', 'an option is given twice')
def twice(place):
    place.command(*TRAIN, '--work-dir', 'a', '--work-dir', 'b').works()
    assert place.path('b').exists() and not place.path('a').exists()


@kind('commands', 'nothing of COCO is among the downloads')
def empty_downloads(place):
    place.command('prepare-coco', 'data', 'out').ends(1, r'train2017.*\.zip', '^out')
    place.command('prepare-ade20k', 'data', 'ade').ends(
        1, r'ade/images/training is missing', '^ade'
    )


@kind('commands', 'predictions are to be shown where there is no screen')
def no_screen(place):
    env = dict(DISPLAY='', MPLBACKEND='agg')
    place.command(*TEST, '--show', env=env).refused('--show needs a screen')
