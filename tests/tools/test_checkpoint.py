import subprocess
import sys

import pytest
import torch
from imports import ROOT
from torch import nn

from projects.kmax.engine import weights as weights_module
from projects.kmax.engine.weights import check_weights, read_weights


def make_model(width=4):
    layers = [nn.Conv2d(1, width, 1), nn.BatchNorm2d(width), *[nn.Conv2d(1, 1, 1)] * 10]
    return nn.Sequential(*layers)


def fault(model, weights):
    """Return what is wrong with weights, or None."""
    try:
        check_weights(model, weights, 'weights.pth')
    except ValueError as error:
        return str(error)
    return None


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'weights.pth'


@pytest.mark.parametrize('kind', ['text', 'empty', 'cut'])
def test_damaged_file_is_named(file, kind):
    torch.save(make_model().state_dict(), file)
    content = dict(text=b'hello there\n', empty=b'', cut=file.read_bytes()[:-500])
    file.write_bytes(content[kind])
    with pytest.raises(ValueError, match=f'{file} cannot be read, it may be damaged'):
        read_weights(str(file))


@pytest.mark.parametrize('content', [[1, 2], dict(a=1), dict(state_dict={})])
def test_file_without_weights_is_named(file, content):
    torch.save(content, file)
    with pytest.raises(ValueError, match=f'{file} holds no weights'):
        read_weights(str(file))


def test_own_checkpoint_passes(file):
    model = make_model()
    weights = {f'module.{name}': value for name, value in model.state_dict().items()}
    for content in (weights, dict(state_dict=weights, meta={})):
        torch.save(content, file)
        read = read_weights(str(file))
        assert set(read) == set(model.state_dict())
        assert fault(model, read) is None


def test_other_shapes_are_named():
    with pytest.raises(ValueError) as error:
        check_weights(make_model(4), make_model(5).state_dict(), 'weights.pth')
    for part in ('checkpoint weights.pth', '0.weight: (5, 1, 1, 1) instead of (4, 1, 1, 1)', '...'):
        assert part in str(error.value)


def test_missing_weights_are_named():
    weights = {f'backbone.{name}': value for name, value in make_model().state_dict().items()}
    with pytest.raises(ValueError, match=r'checkpoint weights.pth.*26 of 26.*missing: 0.weight, '):
        check_weights(make_model(), weights, 'weights.pth')


def test_a_few_may_be_missing_where_a_training_starts(monkeypatch):
    """Two of the 26 tensors are less than a tenth of them, three are more."""
    warnings = []
    monkeypatch.setattr(weights_module, 'print_log', lambda text, **kwargs: warnings.append(text))
    weights = make_model().state_dict()
    del weights['0.weight'], weights['2.bias']
    check_weights(make_model(), weights, 'weights.pth', starts=True)
    assert (
        'checkpoint weights.pth lacks 2 of 26 weights, which start anew: 0.weight, 2.bias'
        in warnings[0]
    )
    assert '2 of 26 weights are missing: 0.weight, 2.bias' in fault(make_model(), weights)


def test_what_is_only_trained_may_be_missing():
    model = nn.ModuleDict(dict(semantic_decoder=make_model(), head=make_model()))
    weights = {k: v for k, v in model.state_dict().items() if k.startswith('head.')}
    assert fault(model, weights) is None
    del weights['head.0.bias']
    assert '1 of 52 weights are missing: head.0.bias' in fault(model, weights)


def make_classifier(num_classes, width=2):
    head = nn.ModuleDict(dict(class_head=nn.Conv1d(width, num_classes + 1, 1)))
    return nn.ModuleDict(dict(backbone=make_model(), head=head))


def test_other_classes_are_an_error_with_a_remedy():
    model, weights = make_classifier(10), make_classifier(4).state_dict()
    message = fault(model, weights)
    for part in (
        'head.class_head.weight: (5, 2, 1) instead of (11, 2, 1)',
        'head.class_head.bias: (5,) instead of (11,)',
        'num_things_classes',
        'tools/train.py --new-classes',
    ):
        assert part in message


def test_new_classes_leave_out_their_layers_only(monkeypatch):
    warnings = []
    monkeypatch.setattr(weights_module, 'print_log', lambda text, **kwargs: warnings.append(text))
    model, weights = make_classifier(10), make_classifier(4).state_dict()
    check_weights(model, weights, 'weights.pth', starts=True, new_classes=True)
    assert 'head.class_head.weight: (5, 2, 1) instead of (11, 2, 1)' in warnings[0]
    weights['backbone.0.weight'] = torch.zeros(5, 1, 1, 1)
    with pytest.raises(ValueError, match=r'backbone.0.weight: \(5, 1') as error:
        check_weights(model, weights, 'weights.pth', starts=True, new_classes=True)
    assert '--new-classes' not in str(error.value)


def test_backbone_alone_starts_a_training():
    model = make_classifier(4)
    weights = {k: v for k, v in model.state_dict().items() if k.startswith('backbone.')}
    check_weights(model, weights, 'weights.pth', starts=True)
    for name in list(weights)[:3]:
        del weights[name]
    with pytest.raises(ValueError, match='3 of 26 weights are missing: backbone.0.weight'):
        check_weights(model, weights, 'weights.pth', starts=True)
    with pytest.raises(ValueError, match='28 of 28 weights are missing'):
        check_weights(model, {'other.weight': torch.zeros(1)}, 'weights.pth', starts=True)


def test_foreign_checkpoint_ends_the_test_with_an_error(file):
    model = dict(type='mmdet.Linear', in_features=2, out_features=3)
    loader = dict(dataset=dict(type='mmdet.CocoDataset'), sampler=dict(type='DefaultSampler'))
    lines = [
        f'{model = }',
        f'test_dataloader = {loader}',
        f'test_evaluator = {dict(type="mmdet.CocoMetric")}',
        f'test_cfg = {dict(type="TestLoop")}',
    ]
    (file.parent / 'toy.py').write_text('\n'.join(lines))
    torch.save({'weight': torch.zeros(7, 2)}, file)
    result = subprocess.run(
        [sys.executable, ROOT / 'tools' / 'test.py', 'toy.py', file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert 'checkpoint weights.pth is not one of the model' in result.stderr.splitlines()[-1]
    assert ' weight: (7, 2) instead of (3, 2)' in result.stderr.splitlines()[-1]
