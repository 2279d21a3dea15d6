"""Configs that are chosen for one's own data."""

import json
from functools import partial

import pytest
from helpers import run_command
from mmengine.config import Config

from projects.kmax.engine import starting_config as module
from projects.kmax.engine.settings import check_settings
from projects.kmax.engine.starting_config import DataStatistics, Machine, starting_config
from projects.kmax.engine.training_memory import GIB, TrainingMemory

run_init = partial(run_command, 'init', 'init_config.py')
CPU, GPU = Machine(16, has_gpu=False), Machine(16, has_gpu=True)
STREETS = DataStatistics(3, 8, images=367, most_segments=30, size=(360, 480))


# Each is a folder, the split that has a fault, and what makes it.
FAULTS = [
    ('sizeless', 'train', lambda content: content['images'][0].pop('height')),
    ('unvalidated', 'val', lambda content: content.update(images=[], annotations=[])),
    ('renamed', 'val', lambda content: content['categories'][0].update(name='other')),
]


@pytest.fixture
def chosen(monkeypatch):
    """Return a function that makes a config for some statistics, if an image takes a GiB."""

    def estimate(config, step):
        share = 4 if config.model.backbone.depth == 18 else 1
        return TrainingMemory(0, 0, 0, step.batch * GIB // share)

    def choose(statistics, machine):
        monkeypatch.setattr(module, 'training_memory', estimate)
        monkeypatch.setattr(module, 'read_statistics', lambda folder: statistics)
        text = starting_config('data/mine', machine)
        assert len(text.splitlines()) <= 25 and max(map(len, text.splitlines())) <= 100
        config = Config.fromstring(text, '.py')
        check_settings(config)
        return config

    return choose


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """Draw a data set, and go where it is."""
    monkeypatch.chdir(tmp_path)
    run_command('shapes', 'make_shapes.py', 'shapes', '--train', 6, '--val', 2, '--workers', 1)
    return tmp_path


@pytest.mark.parametrize(
    ('changes', 'machine', 'depth', 'crop', 'queries', 'batch', 'accumulated', 'iterations'),
    [
        ({}, CPU, 18, (289, 385), 64, 4, 1, 9200),
        (dict(size=(128, 160)), CPU, 18, (129, 161), 48, 4, 1, 9200),
        ({}, GPU, 50, (353, 481), 128, 8, 1, 2300),
        ({}, Machine(3, has_gpu=True), 50, (353, 481), 128, 2, 4, 9200),
        ({}, Machine(1, has_gpu=True), 18, (353, 481), 64, 2, 2, 18400),
        (dict(size=(128, 160)), Machine(0.3, has_gpu=False), 18, (129, 161), 48, 1, 4, 36800),
        (dict(most_segments=200), GPU, 18, (353, 481), 304, 4, 1, 9200),
        (dict(images=12), GPU, 50, (353, 481), 128, 8, 1, 500),
        (dict(images=10**6, size=(1000, 2000)), GPU, 50, (321, 641), 128, 8, 1, 10000),
    ],
)
def test_choice(chosen, changes, machine, depth, crop, queries, batch, accumulated, iterations):
    config = chosen(DataStatistics(**{**vars(STREETS), **changes}), machine)
    head = config.model.panoptic_head
    assert (head.num_things_classes, head.num_stuff_classes) == (3, 8)
    assert (config.model.backbone.depth, config.crop_size) == (depth, crop)
    assert head.transformer_decoder.num_queries == queries
    assert config.train_dataloader.batch_size == batch
    assert config.optim_wrapper.get('accumulative_counts', 1) == accumulated
    assert config.train_cfg.max_iters == iterations
    assert config.param_scheduler.warmup == iterations // 20
    assert config.load_from == ('kmax_r50_coco' if depth == 50 else None)


def test_all_that_reads_data_reads_the_folder(chosen):
    config = chosen(STREETS, CPU)
    loaders = [config[f'{split}_dataloader'] for split in ('train', 'val', 'test')]
    assert {loader.dataset.data_root for loader in loaders} == {'data/mine/'}
    assert config.test_evaluator.ann_file == 'data/mine/panoptic_val.json'
    pipelines = [*(loader.dataset.pipeline for loader in loaders), config.tta_pipeline]
    assert '513' not in str(pipelines) and str(pipelines).count('385') >= 4


def test_too_little_memory_is_refused(chosen):
    with pytest.raises(ValueError, match=r'0.20 GiB .* takes 0.25 GiB, and may take 0.17'):
        chosen(STREETS, Machine(0.2, has_gpu=True))


def test_says_what_comes_next(shapes, capsys):
    run_init("it's mine", '--data', 'shapes', '--memory', 4)
    printed = capsys.readouterr().out
    name = "'it'\"'\"'s mine.py'"
    assert f'next: kmax-deeplab check {name}, kmax-deeplab train {name}' in printed
    assert 'training starts from kmax_r50_coco, which it downloads' in printed
    assert '"""6 images of 5 thing' in (shapes / "it's mine.py").read_text()


@pytest.mark.slow
def test_written_config_is_sound_and_trains(shapes, capsys):
    run_init('mine', '--data', 'shapes')
    assert 'mine.py is written' in capsys.readouterr().out
    assert 'images of 5 thing and 5 stuff classes' in (shapes / 'mine.py').read_text()
    run_command('check', 'check_dataset.py', 'mine.py', '--workers', 1)
    assert 'no faults found' in capsys.readouterr().out
    changes = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'train_dataloader.batch_size=2']
    run_command('train', 'train.py', 'mine.py', '--cfg-options', *changes)
    assert (shapes / 'work_dirs/mine/iter_2.pth').is_file()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['mine', '--data', 'nowhere'], 'argument --data: nowhere is no folder'),
        (['mine', '--data', '.'], '. has no panoptic_train.json: kmax-deeplab import makes it'),
        (['there', '--data', 'shapes'], 'there.py exists already: give another name'),
        (['', '--data', 'shapes'], 'argument name: (empty) names no file'),
        (['shapes/panoptic_val.json/a', '--data', 'shapes'], 'is no folder'),
        (['mine', '--data', 'shapes', '--memory', 0], '--memory must be a positive number'),
        (['mine', '--data', 'sizeless'], "panoptic_train.json lacks the fields ['height']"),
        (['mine', '--data', 'unvalidated'], 'no image of unvalidated/panoptic_val.json is left'),
        (['mine', '--data', 'renamed'], 'renamed/panoptic_val.json has the classes'),
    ],
)
def test_refuses_in_one_line(shapes, capsys, words, message):
    (shapes / 'there.py').write_text('mine')
    for folder, split, change in FAULTS:
        (shapes / folder).mkdir()
        for name in ('train', 'val'):
            content = json.loads((shapes / f'shapes/panoptic_{name}.json').read_text())
            if name == split:
                change(content)
            (shapes / f'{folder}/panoptic_{name}.json').write_text(json.dumps(content))
    with pytest.raises(SystemExit) as stop:
        run_init(*words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1
    assert (shapes / 'there.py').read_text() == 'mine' and not (shapes / 'mine.py').exists()
