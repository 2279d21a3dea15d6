"""Config files that cannot be read, or say what no config can, and wrong overrides of them."""

import os
from functools import partial

from kinds import kind

WITH_OVERRIDES = [
    ('train', 'config.py'),
    ('test', 'config.py', 'weights.pth'),
    ('check', 'config.py'),
    ('draw', 'config.py', 'weights.pth', 'drawn'),
    ('label', 'config.py', 'weights.pth', 'data/val', 'labels'),
]
COMMANDS = [
    *WITH_OVERRIDES,
    ('cost', 'config.py'),
    ('convert', 'port', 'weights.pth', 'new.pth', '--config', 'config.py'),
]


def refused_by_all(place, message, commands=COMMANDS, options=()):
    for words in commands:
        place.command(*words, *options).refused(message)


def overridden(place, words, message, commands=WITH_OVERRIDES):
    """The words after --cfg-options are refused."""
    refused_by_all(place, message, commands, ('--cfg-options', *words))


def enter(area, name, change, message, commands=COMMANDS):
    """Enter a change of a place after which all commands say the same."""

    @kind(area, name)
    def run(place):
        change(place)
        refused_by_all(place, message, commands)


def text(content):
    """Return a change that replaces the config by a text or bytes."""
    data = content.encode() if isinstance(content, str) else content
    return lambda place: place.path('config.py').write_bytes(data)


def add(lines):
    return lambda place: place.edit_config(lines)


def based(place, name, content):
    """Let the config be based on another file only."""
    if content is not None:
        place.path(name).write_text(content)
    place.path('config.py').write_text(f"_base_ = '{name}'\n")


def recoded(encoding):
    def change(place):
        place.path('config.py').write_bytes(place.path('config.py').read_text().encode(encoding))

    return change


def latin(place):
    place.edit_config('# Zürich')
    recoded('latin-1')(place)


def folder(place):
    place.path('config.py').unlink()
    place.path('config.py').mkdir()


def unreadable_base(place):
    place.path('base.py').mkdir()
    based(place, 'base.py', None)


def loop(place):
    place.path('config.py').write_text("_base_ = 'other.py'\n")
    place.path('other.py').write_text("_base_ = 'config.py'\n")


def dangling(place):
    place.path('config.py').unlink()
    os.symlink('nowhere.py', place.path('config.py'))


FILES = [
    ('a bracket is not closed', add('x = (1, 2'), r'config config\.py, line \d+: .*never closed'),
    (
        'a line is indented',
        add('x = 1\n  y = 2'),
        r'config config\.py, line \d+: unexpected indent',
    ),
    ('a name is not defined', add('x = optmizer'), r'config\.py, line \d+: NameError: .*optmizer'),
    ('it divides by zero', add('x = 1 / 0'), r'config\.py, line \d+: ZeroDivisionError'),
    ('it imports what is not installed', add('import nowhere_pkg'), r'config\.py.*nowhere_pkg'),
    ('it begins with a byte order mark', recoded('utf-8-sig'), 'byte order mark: save it as UTF-8'),
    ('it is UTF-16', recoded('utf-16'), r'config config\.py: it is not UTF-8'),
    ('it is Latin-1', lambda place: latin(place), r'config config\.py: it is not UTF-8'),
    ('it is empty', text(''), r'config config\.py is empty'),
    ('it has comments only', text('# nothing\n'), r'config config\.py is empty'),
    ('it is binary', text(bytes(range(256))), r'config config\.py.*(UTF-8|null|invalid)'),
    ('it is a folder', folder, r'config\.py is a folder'),
    ('it is a link to nowhere', dangling, r'config\.py.*no such config|config\.py'),
    ('its base is missing', partial(based, name='gone.py', content=None), r'config.*gone\.py'),
    (
        'its base has a syntax error',
        partial(based, name='b.py', content='x = )\n'),
        r'b\.py, line 1',
    ),
    ('its base is a folder', unreadable_base, r'config.*base\.py'),
    ('its base leads back to it', loop, r'config config\.py: its _base_ leads back'),
    ('its base is a number', text('_base_ = 5\n'), r'config\.py'),
    ('two bases set one name', lambda place: two_bases(place), r'config\.py.*(uplicate|x)'),
    ('it deletes what is none', add("model = dict(backbone='x')"), r'config\.py.*backbone|model'),
    ('it exits', add('import sys\nsys.exit(0)'), r'config config\.py ends the program'),
    (
        'its model is missing',
        text("data_root = 'data/'\n"),
        r'lacks model|has no model|no data set|lacks test_data',
    ),
]


def two_bases(place):
    for name in ('a.py', 'b.py'):
        place.path(name).write_text('x = 1\n')
    place.path('config.py').write_text("_base_ = ['a.py', 'b.py']\n")


for name, change, message in FILES:
    if message is not None:
        enter('configs', f'of a config, {name}', change, message)


@kind('configs', 'the config is a JSON with a syntax error')
def json_config(place):
    place.path('config.json').write_text('{"model": ')
    place.command('train', 'config.json').refused(r'config config\.json')
    place.command('cost', 'config.json').refused(r'config config\.json')


@kind('configs', 'the config is a YAML with a tab')
def yaml_config(place):
    place.path('config.yaml').write_text('model:\n\t- x: 1\n')
    place.command('train', 'config.yaml').refused(r'config config\.yaml.*(line 2|tab|\\t)')


@kind('configs', 'the config has another ending')
def other_ending(place):
    place.path('config.py').rename(place.path('config.txt'))
    place.command('train', 'config.txt').refused(r'config\.txt.*(\.py|type)')
    place.command('cost', 'config.txt').refused(r'config\.txt')


@kind('configs', 'the config is a checkpoint')
def swapped(place):
    place.command('test', 'weights.pth', 'config.py').refused(r'weights\.pth')
    place.command('draw', 'weights.pth', 'config.py', 'drawn').refused(r'weights\.pth')


@kind('configs', 'the config does not exist, but one of nearly the name does')
def near_name(place):
    place.command('train', 'confg.py').refused(r'confg\.py')
    place.command('train', 'kmax_r50_8xb8-150k_coco-panoptik').refused(r'panoptic')


SETTINGS = [
    ('a type is unknown', "model = dict(type='KMaxDeepLab')", r'KMaxDeepLab'),
    (
        'a type of a transform is unknown',
        "train_pipeline[0]['type'] = 'LoadImage'",
        r'pipeline\.0\.type is .LoadImage.*LoadImageFromFile',
    ),
    ('a transform has no type', "del train_pipeline[0]['type']", 'type'),
    ('a type of a hook is unknown', "custom_hooks = [dict(type='EarlyStopHook')]", 'EarlyStopHook'),
    (
        'a type of a data set is unknown',
        "train_dataloader['dataset']['type'] = 'CocoPanopticDataSet'",
        r'train_dataloader\.dataset\.type is .CocoPanopticDataSet.*CocoPanopticDataset',
    ),
    ('the scope is unknown', "default_scope = 'mmdett'", "default_scope is 'mmdett'"),
    (
        'custom imports do not exist',
        "custom_imports = dict(imports=['my_models'], allow_failed_imports=False)",
        'my_models',
    ),
    ('the model is a text', "model = 'kmax_r50'", r'model'),
    ('the model is a list', "model = [dict(type='KMaXDeepLab')]", r'model'),
    ('the loader is a number', 'train_dataloader = 5', r'train_dataloader'),
    ('the loop is a text', "train_cfg = 'iters'", r'train_cfg'),
    (
        'a pipeline is a dict',
        "train_dataloader['dataset']['pipeline'] = dict(_delete_=True, type='LoadPanopticIds')",
        r'train_dataloader\.dataset\.pipeline is .* must be',
    ),
    ('the data set is missing', 'train_dataloader = dict(_delete_=True, batch_size=2)', 'dataset'),
    ('the optimiser is deleted', 'optim_wrapper = None', 'optim_wrapper'),
    ('the loop is deleted', 'train_cfg = None', 'train_cfg'),
    ('the sampler is deleted', "train_dataloader['sampler'] = None", 'sampler'),
    ('the pipeline is empty', "train_dataloader['dataset']['pipeline'] = []", r'pipeline|inputs'),
    ('the log level is unknown', "log_level = 'LOUD'", "log_level is 'LOUD'"),
    ('an optimiser is unknown', "optim_wrapper = dict(optimizer=dict(type='AdamX'))", 'AdamX'),
    ('a schedule is unknown', "param_scheduler = dict(type='PolyLRR')", 'PolyLRR'),
    (
        'a loss is unknown',
        "model = dict(panoptic_head=dict(criterion=dict(losses=dict(loss_x=dict(type='Xx')))))",
        'Xx',
    ),
]

for name, lines, message in SETTINGS:
    enter('configs', f'in a config, {name}', add(lines), message, [('train', 'config.py')])

OVERRIDES = [
    ('has no equals sign', ['train_cfg.max_iters'], r"'train_cfg\.max_iters' must be KEY=VALUE"),
    ('begins with an equals sign', ['=5'], r"'=5' must be KEY=VALUE"),
    ('has an unknown name', ['train_cgf.max_iters=5'], r'train_cgf\.max_iters.*mean train_cfg'),
    (
        'is of a variable that files read',
        ['data_root=/x'],
        r'data_root: only the config files read',
    ),
    ('goes into a number', ['train_cfg.max_iters.x=5'], r'max_iters is 2, which holds no x'),
    (
        'goes beyond a list',
        ['train_dataloader.dataset.pipeline.9.type=X'],
        r'pipeline is a list of 5',
    ),
    (
        'names an item of a list by a word',
        ['train_dataloader.dataset.pipeline.first.type=X'],
        r'pipeline is a list of 5',
    ),
    ('has an unclosed bracket', ['default_hooks.logger.interval=[1,2'], r'bracket|\[1,2'),
]

for name, words, message in OVERRIDES:
    kind('configs', f'an override {name}')(partial(overridden, words=words, message=message))


@kind('configs', 'an override is given without a value, before the config')
def eaten_config(place):
    place.command('train', '--cfg-options', 'randomness.seed=1', 'config.py').refused(
        r"'config\.py' must be KEY=VALUE"
    )


@kind('configs', 'an override is given twice')
def twice(place):
    result = place.command(
        'train', 'config.py', '--cfg-options', 'train_cfg.max_iters=7', 'train_cfg.max_iters=1'
    )
    result.works(r'Iter\(train\) \[1/1\]')


@kind('configs', 'an override of the model names what no part takes')
def unknown_deep(place):
    overridden(
        place,
        ['model.panoptic_head.transformer_decoder.num_querys=4'],
        r'num_querys.*did you mean num_queries',
    )


@kind('configs', 'a pipeline loads no image')
def loads_nothing(place):
    message = r'panoptic_val\.json has a transform that asks for img, which none'
    place.edit_config("val_dataloader['dataset']['pipeline'] = test_pipeline[1:]")
    # Found when validation begins, after the checkpoint.
    place.command('train', 'config.py').ends(2, message)
    place.command('test', 'config.py', 'weights.pth').refused(message, leaves='work_dirs')
