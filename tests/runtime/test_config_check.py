"""What the check knows of mmengine, and that it knows nothing else by itself."""

import inspect

import pytest
from mmengine.config import Config
from torch import nn

from projects.kmax.runtime import config_check, known_settings
from projects.kmax.runtime.config_check import OwnSettings, check_keys

HOOKS, LOADER = {'priority'}, {'batch_size', 'dataset', 'sampler', 'num_batch_per_epoch'}
UNTYPED = {
    'auto_scale_lr': {'enable', 'base_batch_size'},
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'optim_wrapper.clip_grad': {'type', 'max_norm', 'clip_value'},
    'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
    **{f'{split}_dataloader': LOADER for split in ('train', 'val', 'test')},
}
DEFAULT_TYPES = {
    'log_processor': {'LogProcessor'},
    'optim_wrapper': {'OptimWrapper'},
    'test_cfg': {'TestLoop'},
    'train_cfg': {'EpochBasedTrainLoop', 'IterBasedTrainLoop'},
    'val_cfg': {'ValLoop'},
}
ADDED = {
    'custom_hooks': HOOKS,
    'default_hooks': HOOKS,
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'param_scheduler': {'convert_to_iter_based'},
    'train_cfg': {'by_epoch'},
}


def test_names_are_found_in_the_source_of_mmengine():
    assert (
        known_settings.top_level() - {'cfg'}
        == known_settings.top_level()
        >= {
            *('activation_checkpointing', 'compile', 'custom_imports', 'efficient_conv_bn_eval'),
            *('find_unused_parameters', 'gpu_ids', 'model_wrapper_cfg', 'runner_type', 'sync_bn'),
        }
    )
    assert {'env_cfg', 'model', 'visualizer'} < set(known_settings.sections())
    assert not {'cfg', 'launcher', 'load_from'} & set(known_settings.sections())
    assert known_settings.default_types() == DEFAULT_TYPES
    for table, expected in ((known_settings.untyped(), UNTYPED), (known_settings.added(), ADDED)):
        assert table.keys() == expected.keys()
        assert all(expected[section] <= table[section] for section in expected)


def renamed(loader_settings):
    return loader_settings.get('batch_size')


@pytest.mark.parametrize(
    'change, reason',
    [
        (
            ('untyped', lambda: known_settings.names_read(renamed, 'cfg')),
            'read from cfg in renamed',
        ),
        (('added', lambda: known_settings.types_called(renamed)), 'no types are called in renamed'),
        (('sections', lambda: ()), 'has no <lambda>'),
        (('top_level', lambda: known_settings.names_read(exec, 'cfg')), 'exec: '),
    ],
)
def test_nothing_is_refused_where_mmengine_cannot_be_read(change, reason, monkeypatch):
    monkeypatch.setattr(known_settings, *change)
    if change[0] == 'top_level':
        # As where no source is shipped.
        monkeypatch.setattr(inspect, 'getsource', raise_os_error)
    logged = []
    monkeypatch.setattr(config_check, 'print_log', lambda text, **_: logged.append(text))
    check_keys(Config(dict(model=dict(type=Model, prt=1))))
    assert len(logged) == 1 and logged[0].startswith('names of settings are not checked: ')
    assert reason in logged[0]


def raise_os_error(code):
    raise OSError('could not get source code')


class Model(nn.Module):
    def __init__(self, part=None, train_cfg=None):
        super().__init__()


def test_packages_say_what_they_read():
    cfg = Config(dict(model=dict(type=Model, train_cfg=dict(mask=1)), tta_mode=1))
    check_keys(cfg)
    with pytest.raises(KeyError, match='unknown setting tta_mode .* did you mean tta_model'):
        check_keys(cfg, own=OwnSettings(top_level=frozenset({'tta_model'})))
    with pytest.raises(KeyError, match=r'unknown setting model\.train_cfg\.mask .* mean masks'):
        check_keys(cfg, own=OwnSettings(parts={Model: {'train_cfg': {'masks'}}}))


def test_parts_of_models_of_other_packages_are_not_looked_at():
    cfg = Config(dict(model=dict(type=Model, part=dict(type=Model, prt=1))))
    check_keys(cfg, own=OwnSettings('another'))
    with pytest.raises(KeyError, match=r'model\.part\.prt .* did you mean part'):
        check_keys(cfg, own=OwnSettings(__name__))
