"""The published models by name, without torch."""

import os
import re

import pytest
import torch
from helpers import run_python

from kmax_deeplab.configs import find_config
from kmax_deeplab.released import checkpoint_folder, find_model, find_weights, list_models

NAME = re.compile(r'(kmax_[\w-]+)_8xb\d-\d+k_(\w+?(?:-unlabeled)?)-panoptic(?:-(\d+x\d+))?')


def test_short_names_follow_the_names():
    models = list_models()
    assert len({model.alias for model in models}) == len(models) == 26
    for model in models:
        assert model.alias == '_'.join(filter(None, NAME.fullmatch(model.name).groups()))
        assert model.config == f'{model.name}.py'
        assert find_config(model.alias) == find_config(model.config)
        assert find_model(model.alias) is find_model(model.name) is model


def test_what_the_metafile_says_is_read():
    model = find_model('kmax_r50_cityscapes')
    assert model.data_set == 'Cityscapes' and model.licence == 'Apache-2.0 (code)'
    assert model.figures == {'PQ': 64.3, 'AP': 38.5, 'mIoU': 79.7}
    assert (model.parameters, model.macs) == (56_400_000, 426_100_000_000)
    assert model.archive == 'kmax_resnet50_cityscapes_train.tar.gz'
    assert model.weights_url.endswith(f'/tf-deeplab/checkpoint/{model.archive}')


def test_every_model_has_one_place_to_get_it_from():
    for model in list_models():
        assert (model.weights_url is None) == ('-port_' in model.alias) == (model.archive is None)
        assert (model.page_url is None) != (model.weights_url is None)
        assert model.code_url.startswith('https://github.com/')
    places = [model.weights_url or model.page_url for model in list_models()]
    assert len({*places}) == len(places)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('kmax_r50_coc', r'is called kmax_r50_coc; did you mean kmax_r50_coco or '),
        ('KMAX_R50_COCO', r'did you mean kmax_r50_coco or '),
        ('mask2former', r'is called mask2former; kmax-deeplab models lists them$'),
        ('', r'is called \(empty\); kmax-deeplab models lists them$'),
    ],
)
def test_a_wrong_name_gets_near_matches(name, message):
    with pytest.raises(ValueError, match=message):
        find_model(name)


@pytest.mark.parametrize(
    'variables',
    [{}, dict(XDG_CACHE_HOME='/a'), dict(XDG_CACHE_HOME='/a', TORCH_HOME='~/b')],
    ids=['none', 'cache', 'torch'],
)
def test_folder_is_torchs_without_torch(variables, monkeypatch):
    for name in ('XDG_CACHE_HOME', 'TORCH_HOME'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = os.path.join(torch.hub.get_dir(), 'checkpoints')
    assert str(checkpoint_folder()) == expected
    script = 'from kmax_deeplab.released import *; import sys; '
    done = run_python(f'{script}print(checkpoint_folder(), "torch" in sys.modules)')
    assert done.stdout.strip() == f'{expected} False', done.stderr


def test_a_folder_that_was_set_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path))
    assert checkpoint_folder() == tmp_path / 'checkpoints'


def test_only_files_of_the_model_are_its_weights(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    folder = checkpoint_folder()
    folder.mkdir(parents=True)
    alias = 'kmax_convnext-l_coco'
    for number, ending in enumerate(
        (
            '-unlabeled-01234567.pth',
            '-01234567.pth.1.2.partial',
            '-0123.pth',
            '-76543210.pth',
            '.pth',
        )
    ):
        (folder / f'{alias}{ending}').touch()
        os.utime(folder / f'{alias}{ending}', (number, number))
        found = find_weights(find_model(alias))
        assert (found and found.name) == (None if number < 3 else f'{alias}{ending}')
