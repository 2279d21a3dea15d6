import os

import pytest
from mmengine.config import Config

from projects.kmax.runtime import adapt_to_machine, machine


@pytest.fixture
def gpu(monkeypatch):
    """Return a function that pretends that there is a GPU, or none."""
    return lambda there: monkeypatch.setattr(machine.torch.cuda, 'is_available', lambda: there)


@pytest.mark.parametrize('there, launcher', [(True, 'pytorch'), (False, 'none')])
def test_norms_are_synchronised_with_a_gpu_only(gpu, there, launcher):
    gpu(there)
    cfg = Config(dict(launcher=launcher, sync_bn='torch'))
    adapt_to_machine(cfg)
    assert cfg.get('sync_bn') == ('torch' if there else None)
    assert 'model_wrapper_cfg' not in cfg


def test_cluster_launcher_without_gpu_is_refused(gpu):
    gpu(False)
    with pytest.raises(RuntimeError, match='--launcher slurm needs GPUs'):
        adapt_to_machine(Config(dict(launcher='slurm')))


def test_cpu_processes_average_their_norm_statistics(gpu, monkeypatch):
    gpu(False)
    monkeypatch.setattr(machine.distributed, 'init_process_group', lambda backend: None)
    cfg = Config(dict(launcher='pytorch', sync_bn='torch', custom_hooks=[dict(type='Mine')]))
    adapt_to_machine(cfg)
    assert [hook.type for hook in cfg.custom_hooks] == ['Mine', 'AverageNormStatisticsHook']


@pytest.mark.parametrize('written, expected', [('1073741824', 2**30), ('max', None)])
def test_a_container_has_no_more_memory_than_its_limit(tmp_path, monkeypatch, written, expected):
    whole = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    limit = tmp_path / 'memory.max'
    limit.write_text(f'{written}\n')
    monkeypatch.setattr(machine, 'CGROUP_LIMITS', (str(limit), str(tmp_path / 'absent')))
    assert machine.host_memory() == (expected or whole)
