"""What ends a training of the network: exit code, last line, and what is on disk after."""

from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import torch
from forked import HERE, Training
from helpers import checkpoint_files
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.models import KMaXHead

CONFIG = 'shapes_training_config.py'


def spoil_third_iteration(field):
    """Make some logits of the network NaN."""
    forward, calls = KMaXHead.forward, count(1)

    def spoilt(head, *args):
        output = forward(head, *args)
        factor = float('nan') if next(calls) == 3 else 1.0
        return replace(output, **{field: getattr(output, field) * factor})

    KMaXHead.forward = spoilt


@pytest.mark.parametrize('kind', ['cls', 'mask'])
def test_nan_in_what_is_matched(kind, shapes_options, tmp_path):
    folder = tmp_path / 'run'
    spoil = partial(spoil_third_iteration, f'{kind}_logits')
    training = Training(folder, config=CONFIG, before=spoil, **shapes_options)
    assert training.wait() == 2
    last = training.output.strip().splitlines()[-1]
    assert last.startswith('train.py: error: iteration 3: loss is nan, ')
    assert f' loss_{kind} is nan' in last and 'the last checkpoint was saved before' in last
    images = last.partition(' for the images ')[2].partition(';')[0].split(', ')
    root = shapes_options['train_dataloader__dataset__data_root']
    assert len(images) == 2 and all(Path(image).parent == Path(root, 'train') for image in images)
    assert checkpoint_files(folder) == ['iter_2.pth']
    assert (folder / 'last_checkpoint').read_text() == str(folder / 'iter_2.pth')


@pytest.mark.parametrize('words', [[], ['--resume']])
def test_checkpoint_of_other_classes(words, shapes_options, tmp_path):
    init_default_scope('mmdet')
    config = Config.fromfile(HERE / CONFIG)
    folder = tmp_path / 'run'
    path = folder / 'iter_2.pth' if words else tmp_path / 'other.pth'
    folder.mkdir()
    config.model.panoptic_head.num_things_classes = 7
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), path)
    before = path.read_bytes()
    options = {} if words else dict(load_from=path)
    training = Training(folder, *words, config=CONFIG, **options, **shapes_options)
    assert training.wait() == 2
    last = training.output.strip().splitlines()[-1]
    assert f'train.py: error: checkpoint {path} is not one of the model in the config: ' in last
    assert 'predictor.class_head.weight: (13, ' in last and 'instead of (11, ' in last
    assert 'correct num_things_classes, num_stuff_classes and num_classes in the config' in last
    assert checkpoint_files(folder) == (['iter_2.pth'] if words else [])
    assert path.read_bytes() == before
