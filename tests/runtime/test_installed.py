import pytest
from mmengine.config import Config

from projects.kmax.runtime import installed


def with_backend(name):
    return Config(
        dict(visualizer=dict(vis_backends=[dict(type='LocalVisBackend'), dict(type=name)]))
    )


@pytest.mark.parametrize('name', sorted(installed.TRACKERS))
@pytest.mark.parametrize('prefix', ['', 'mmengine.'])
def test_a_tracker_that_is_absent_is_refused_with_what_to_install(name, prefix, monkeypatch):
    monkeypatch.setattr(installed, 'find_spec', lambda package: None)
    packages = ' '.join(installed.TRACKERS[name])
    with pytest.raises(ValueError, match=f'{name} needs .*: pip install {packages}$'):
        installed.check_tracking(with_backend(prefix + name))


@pytest.mark.parametrize('cfg', [Config(), Config(dict(visualizer=None)), with_backend('Other')])
def test_other_backends_need_nothing(cfg):
    installed.check_tracking(cfg)


def test_every_tracker_of_mmengine_is_known():
    from mmengine.visualization import vis_backend

    kinds = {kind.__name__ for kind in vis_backend.BaseVisBackend.__subclasses__()}
    ours = {name for name in kinds if hasattr(vis_backend, name)}
    assert ours - {'LocalVisBackend'} == {*installed.TRACKERS}


def test_settings_of_workers_are_left_out_without_workers():
    loader = dict(num_workers=0, persistent_workers=True, prefetch_factor=2, batch_size=1)
    cfg = Config(dict(train_dataloader=loader, val_dataloader=dict(loader, num_workers=1)))
    installed.use_no_workers(cfg)
    assert cfg.train_dataloader == dict(num_workers=0, batch_size=1)
    assert cfg.val_dataloader == dict(loader, num_workers=1)
