"""Starting a training from another's weights."""

import pytest
import torch
from forked import Training
from torch import nn

from projects.kmax.engine.weights import check_weights


@pytest.mark.parametrize('resume', [pytest.param(True, marks=pytest.mark.slow), False])
def test_other_shapes_end_a_training(toy, tmp_path, resume):
    toy('small', train_cfg__max_iters=2).train()
    checkpoint = tmp_path / 'small' / 'iter_2.pth'
    words, options = (['--resume', checkpoint], {}) if resume else ([], dict(load_from=checkpoint))
    training = Training(tmp_path / 'run', *words, model__width=5, **options)
    assert training.wait() == 1
    last = training.output.splitlines()[-1]
    assert f'checkpoint {checkpoint} is not one of the model in the config' in last
    assert 'layer.weight: (3, 3) instead of (5, 3)' in last
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_new_classes_start_their_layers_anew(toy, tmp_path):
    def wrap(runner, num_classes):
        runner.model.class_head = nn.Linear(3, num_classes)
        return runner

    first = wrap(toy(), 4)
    path = tmp_path / 'first.pth'
    torch.save(dict(state_dict=first.model.state_dict()), path)
    second = wrap(toy('second', load_from=str(path)), 7)
    head = second.model.class_head.weight.clone()
    weights = torch.load(path)['state_dict']
    check_weights(second.model, weights, str(path), starts=True, new_classes=True)
    second.load_or_resume()
    assert second.model.class_head.weight.equal(head)
    assert second.model.layer.weight.equal(first.model.layer.weight)


def test_shared_classes_continue(toy, tmp_path):
    path = tmp_path / 'first.pth'
    runner = toy(load_from=str(path), default_hooks__map_classes__new_classes=True)
    runner.model.class_head = nn.Linear(3, 3)
    weight = torch.arange(12.0).view(4, 3)
    weights = {**runner.model.state_dict(), 'class_head.weight': weight}
    weights['class_head.bias'] = torch.arange(4.0)
    # The data set has the classes a and b.
    meta = dict(dataset_meta=dict(classes=('x', 'b', 'y')))
    torch.save(dict(state_dict=weights, meta=meta), path)
    own = runner.model.class_head.weight[0].clone()
    assert runner.train_loop is not None
    runner.load_or_resume()
    assert runner.model.class_head.weight.equal(torch.stack([own, weight[1], weight[3]]))
    assert runner.model.class_head.bias[1:].tolist() == [1, 3]
