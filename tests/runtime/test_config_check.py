"""What the check knows of mmengine, and that it knows nothing else by itself."""

import pytest
from mmengine.config import Config
from torch import nn

import projects.kmax  # noqa: F401
from projects.kmax.runtime import known_settings
from projects.kmax.runtime.config_check import OwnSettings, check_keys


def test_top_level_names_are_found_in_the_source_of_mmengine():
    read = {
        *('activation_checkpointing', 'compile', 'custom_imports', 'efficient_conv_bn_eval'),
        *('find_unused_parameters', 'gpu_ids', 'model_wrapper_cfg', 'runner_type', 'sync_bn'),
        *('default_scope', 'load_from', 'randomness', 'train_dataloader', 'work_dir'),
    }
    assert read <= known_settings.top_level() and 'cfg' not in known_settings.top_level()
    assert {'env_cfg', 'model', 'param_scheduler', 'visualizer'} < set(known_settings.sections())
    assert not {'cfg', 'launcher', 'load_from'} & set(known_settings.sections())


@pytest.mark.parametrize(
    ('table', 'expected'),
    [
        (
            known_settings.untyped,
            {
                'auto_scale_lr': {'enable', 'base_batch_size'},
                'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
                'optim_wrapper.clip_grad': {'type', 'max_norm', 'clip_value', 'norm_type'},
                'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
                'train_dataloader': {'num_workers', 'sampler', 'dataset', 'num_batch_per_epoch'},
                'val_dataloader': {'batch_size', 'drop_last'},
                'test_dataloader': {'collate_fn', 'persistent_workers'},
            },
        ),
        (
            known_settings.default_types,
            {
                'log_processor': {'LogProcessor'},
                'optim_wrapper': {'OptimWrapper'},
                'test_cfg': {'TestLoop'},
                'train_cfg': {'EpochBasedTrainLoop', 'IterBasedTrainLoop'},
                'val_cfg': {'ValLoop'},
            },
        ),
        (
            known_settings.added,
            {
                'custom_hooks': {'priority'},
                'default_hooks': {'priority'},
                'optim_wrapper': {'constructor', 'paramwise_cfg'},
                'param_scheduler': {'convert_to_iter_based'},
                'train_cfg': {'by_epoch'},
            },
        ),
    ],
)
def test_names_in_settings_are_found_in_the_source_of_mmengine(table, expected):
    assert table().keys() == expected.keys()
    for section, names in expected.items():
        assert names <= table()[section], section


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


@pytest.mark.parametrize(('package', 'refused'), [(__name__, True), ('another', False)])
def test_parts_of_models_of_other_packages_are_not_looked_at(package, refused):
    cfg = Config(dict(model=dict(type=Model, part=dict(type=Model, prt=1))))
    if not refused:
        return check_keys(cfg, own=OwnSettings(package))
    with pytest.raises(KeyError, match=r'model\.part\.prt .* did you mean part'):
        check_keys(cfg, own=OwnSettings(package))
