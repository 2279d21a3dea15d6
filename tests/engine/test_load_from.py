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
    assert training.wait() == 2
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


def test_resuming_follows_the_config_and_tells_what_is_finished(toy, tmp_path):
    toy('first', train_cfg__max_iters=2).train()
    checkpoint = tmp_path / 'first' / 'iter_2.pth'
    options = dict(train_cfg__max_iters=2, optim_wrapper__optimizer__lr=0.007)
    training = Training(tmp_path / 'run', '--resume', checkpoint, **options)
    assert training.wait() == 0
    assert 'the learning rate (lr) of the config is 0.007, that of checkpoint' in training.output
    assert 'is of iter 2, and train_cfg.max_iters is 2: the training is fini' in training.output


def test_resuming_from_weights_alone_is_refused(toy, tmp_path):
    checkpoint = tmp_path / 'weights.pth'
    torch.save(toy('first').model.state_dict(), checkpoint)
    training = Training(tmp_path / 'run', '--resume', checkpoint)
    assert training.wait() != 0
    assert f'checkpoint {checkpoint} holds weights only' in training.output.splitlines()[-1]
    assert not list((tmp_path / 'run').glob('*.pth'))
