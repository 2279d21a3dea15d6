"""docs/settings.md has the defaults that configs and classes have, and names that are taken."""

import ast
import inspect
import re
from dataclasses import asdict

import pytest
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config, DictAction
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    HOOKS,
    LOOPS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    init_default_scope,
)
from mmengine.runner import Runner
from published import FOLDER, build
from torch.utils.data import DataLoader

from projects.kmax.engine.optimizer_constructor import PARAMWISE
from projects.kmax.engine.settings import check_settings
from projects.kmax.models.postprocess import PostprocessConfig
from projects.kmax.models.targets import build_targets

PAGE = (ROOT / 'docs' / 'settings.md').read_text()
ROWS = re.findall(r'^\| `([a-z_.\d]+)`( •)? \| (.+?) \| (.+?) \| (.+?) \| ', PAGE, re.MULTILINE)
CONFIGS = (
    'kmax_r50_8xb8-150k_coco-panoptic',
    'kmax_r50_1xb2-40k_custom-panoptic',
    'kmax_r18_custom-panoptic',
)
TRIED = {
    'optim_wrapper.clip_grad.max_norm': '1.0',
    'model.panoptic_head.criterion.losses.loss_insdis': 'None',
    'default_hooks.ema.type': 'EMAHook',
    'default_hooks.ema.momentum': '2e-4',
    'default_hooks.stop.type': 'EarlyStoppingHook',
    'default_hooks.stop.monitor': 'coco_panoptic/PQ',
    'default_hooks.stop.patience': '3',
    'work_dir': 'elsewhere',
}
"""Values of settings that have no default."""

OTHERS = {
    'train_dataloader.dataset.pipeline.3.scale_range': '(0.8,1.2)',
    'default_hooks.visualization': 'None',
}
"""Settings that other pages name."""


def configs():
    return [Config.fromfile(FOLDER / f'{name}.py') for name in CONFIGS]


def signature_of(path, settings):
    """Return the defaults of what reads a dict of a config."""
    if path.endswith('_dataloader'):
        return defaults(DataLoader.__init__)
    if path == 'model.train_cfg':
        return defaults(build_targets)
    if path == 'randomness':
        return defaults(Runner.set_randomness) | defaults(Runner.__init__)[path]
    if path == 'model.test_cfg':
        return asdict(PostprocessConfig())
    if path == 'optim_wrapper.paramwise_cfg':
        return PARAMWISE
    found: dict = {}
    registries = (MODELS, HOOKS, LOOPS, OPTIM_WRAPPERS, OPTIMIZERS, PARAM_SCHEDULERS)
    kinds = [registry.get(settings['type']) for registry in registries]
    (kind,) = filter(None, kinds)
    for owner in reversed(inspect.getmro(kind)):
        if '__init__' in vars(owner):
            found |= defaults(owner.__init__)
    return found


def defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def default_of(config, name):
    """Return what a setting is, by its config or its class; or '–' if there is none."""
    path, _, last = name.rpartition('.')
    part = config
    for key in path.split('.') if path else ():
        part = part.get(key, {})
    if last in part:
        return part[last]
    if name in TRIED:
        return '–'
    return signature_of(path, part)[last]


def test_the_page_has_rows():
    assert len(ROWS) > 70 and len({name for name, *_ in ROWS}) == len(ROWS)


@pytest.mark.parametrize('column', range(3), ids=CONFIGS)
def test_defaults(column):
    config = configs()[column]
    init_default_scope('mmdet')
    for name, _, *cells in ROWS:
        told = cells[column]
        value = default_of(config, name)
        found = value if value == '–' else ast.literal_eval(told.strip('`'))
        assert (found, told == '–') == (value, value == '–'), name


@pytest.mark.parametrize('column', range(3), ids=CONFIGS)
def test_every_name_is_taken(column):
    options = {name: cells[column].strip('`').replace(' ', '') for name, _, *cells in ROWS}
    config = configs()[column]
    own_names = list(config)
    overrides = {}
    for name, text in (options | TRIED | OTHERS).items():
        overrides[name] = DictAction._parse_iterable(text.strip("'"))
        config.merge_from_dict({name: overrides[name]})
    check_settings(config, own_names, overrides)


def test_init_writes_what_is_marked():
    source = (ROOT / 'projects' / 'kmax' / 'engine' / 'starting_config.py').read_text()
    template = source[source.index('def _write') :]
    last_names = {name.rpartition('.')[2]: bool(mark) for name, mark, *_ in ROWS}
    # The same name in several dicts.
    for name in ('interval', 'num_workers'):
        last_names.pop(name, None)
    written = {name for name in last_names if f'{name}=' in template}
    assert written == {name for name, is_marked in last_names.items() if is_marked}


def test_another_optimizer_and_schedule(tmp_path):
    (example,) = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    (tmp_path / 'mine.py').write_text(example)
    config = Config.fromfile(tmp_path / 'mine.py')
    check_settings(config)
    _, model = build('kmax_r18_custom-panoptic')
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    assert type(wrapper.optimizer).__name__ == 'SGD'
    assert {group['weight_decay'] for group in wrapper.optimizer.param_groups} == {0, 1e-4}
    for settings in config.param_scheduler:
        PARAM_SCHEDULERS.build(settings, default_args=dict(optimizer=wrapper.optimizer))
