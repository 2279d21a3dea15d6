"""Costs counted on tensors without memory against mmengine's count on real ones."""

from functools import partial

import pytest
import torch
from helpers import NANO, run_command
from mmdet.registry import MODELS
from mmengine.analysis import FlopAnalyzer
from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.engine.model_cost import model_cost

run_tool = partial(run_command, 'cost', 'model_cost.py')


@pytest.fixture
def config():
    init_default_scope('mmdet')
    return Config.fromfile(NANO)


def test_equals_mmengines_count_on_a_cpu(config):
    cost = model_cost(config, (97, 129))
    model = MODELS.build(config.model).eval()
    analyzer = FlopAnalyzer(model, (torch.zeros(1, 3, 97, 129),)).unsupported_ops_warnings(False)
    with torch.no_grad():
        counted = analyzer.uncalled_modules_warnings(False).by_operator()
    assert cost.macs == counted['conv'] + counted['matmul'] > 1e8
    assert cost.parameters_in_training == sum(p.numel() for p in model.parameters())
    auxiliary = sum(p.numel() for p in model.panoptic_head.semantic_decoder.parameters())
    assert cost.parameters == cost.parameters_in_training - auxiliary


def test_auxiliary_head_costs_nothing_to_predict(config):
    with_head = model_cost(config)
    assert with_head.size == (129, 161)  # the config's crop_size
    config.model.panoptic_head.semantic_decoder = None
    without = model_cost(config)
    assert without.macs == with_head.macs
    assert without.parameters == without.parameters_in_training == with_head.parameters


def test_config_without_a_size_needs_one(config):
    config.pop('crop_size')
    with pytest.raises(ValueError, match='neither model.data_preprocessor.pad_size nor crop_size'):
        model_cost(config)


def test_tool_prints_a_table(capsys):
    run_tool(NANO, '--size', 129, 161)
    header, rule, row = capsys.readouterr().out.splitlines()
    assert header.count('|') == rule.count('|') == row.count('|') == 6
    assert row.startswith('| kmax_nano_shapes-panoptic | 129 x 161 | 3.99 M | 4.51 M | ')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('a = 1', 'has no model: give the config of a whole model'),
        ("model = dict(type='Other')", 'is the config of Identity, not KMaXDeepLab'),
    ],
)
def test_tool_refuses_other_configs(monkeypatch, tmp_path, capsys, content, message):
    monkeypatch.setitem(MODELS.module_dict, 'Other', torch.nn.Identity)
    (tmp_path / 'other.py').write_text(content)
    with pytest.raises(SystemExit) as stop:
        run_tool(tmp_path / 'other.py')
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_tool_refuses_tiny_sizes(capsys):
    with pytest.raises(SystemExit) as stop:
        run_tool(NANO, '--size', 32, 161)
    assert stop.value.code == 2
    assert 'argument --size: [32, 161] must be at least 64 each' in capsys.readouterr().err
