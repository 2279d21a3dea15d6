import numpy as np
import pytest
import torch
from mmengine.registry import OPTIMIZERS

from projects.kmax.engine import KMaXAdamW


def keras_adam_with_decay(weight, grads, lrs, decay, beta1=0.9, beta2=0.999, epsilon=1e-7):
    """The update as the original writes it, one step per gradient."""
    weight, m, v = weight.copy(), np.zeros_like(weight), np.zeros_like(weight)
    for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        weight -= lr * decay * weight
        m += (grad - m) * (1 - beta1)
        v += (grad**2 - v) * (1 - beta2)
        alpha = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        weight -= alpha * m / (np.sqrt(v) + epsilon)
    return weight


@pytest.mark.parametrize('scale', [1.0, 1e-7], ids=['usual gradients', 'as small as epsilon'])
def test_steps_equal_the_formula(scale):
    rng = np.random.default_rng(0)
    starts = [rng.normal(size=(3, 4)), rng.normal(size=5)]
    grads = [[rng.normal(size=start.shape) * scale for _ in range(6)] for start in starts]
    lrs = [0.0, 0.1, 0.2, 0.3, 0.2, 0.1]
    params = [torch.nn.Parameter(torch.from_numpy(start.copy())) for start in starts]
    groups = [dict(params=params[:1], weight_decay=0.5), dict(params=params[1:])]
    optimizer = KMaXAdamW(groups, lr=0.0)
    for step, lr in enumerate(lrs):
        for group in optimizer.param_groups:
            group['lr'] = lr
        for param, grad in zip(params, grads, strict=True):
            param.grad = torch.from_numpy(grad[step])
        optimizer.step()
    for param, start, grad, decay in zip(params, starts, grads, (0.5, 0.0), strict=True):
        expected = keras_adam_with_decay(start, grad, lrs, decay)
        np.testing.assert_allclose(param.detach().numpy(), expected, rtol=1e-12)


def test_resumed_optimizer_continues_exactly():
    def train(param, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            optimizer.step(lambda: (param**2).sum().backward())

    straight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    train(straight, KMaXAdamW([straight], lr=0.1), 5)

    resumed = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    first = KMaXAdamW([resumed], lr=0.1)
    train(resumed, first, 3)
    second = KMaXAdamW([resumed], lr=0.1)
    second.load_state_dict(first.state_dict())
    train(resumed, second, 2)
    assert torch.equal(straight, resumed)


def test_parameters_without_gradient_stay():
    params = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    params[0].grad = torch.ones(2)
    KMaXAdamW(params, lr=0.1, weight_decay=0.1).step()
    assert (params[0] < 1).all() and (params[1] == 1).all()


def test_registry_finds_it_from_mmdet():
    assert OPTIMIZERS.get('KMaXAdamW') is KMaXAdamW


def test_gradients_and_moments_in_another_layout_are_brought_to_the_weights():
    start = torch.arange(24.0).view(2, 3, 2, 2)
    grad = start.cos()

    def steps(change):
        param = torch.nn.Parameter(start.clone(memory_format=torch.channels_last))
        optimizer = KMaXAdamW([param], lr=0.1)
        for _ in range(2):
            param.grad = change(grad.contiguous(memory_format=torch.channels_last))
            optimizer.step()
            for name, moment in optimizer.state[param].items():
                optimizer.state[param][name] = change(moment)
        return param

    assert torch.equal(steps(lambda values: values.contiguous()), steps(lambda values: values))
