"""A loss that a config alone adds, swaps or leaves out."""

import pytest
import torch
from helpers import NANO, build_model, panoptic_sample
from mmdet.registry import MODELS
from mmengine.config import Config

from projects.kmax.engine.settings import check_settings
from projects.kmax.models.losses import KMaXCriterion, KMaXLoss
from projects.kmax.models.losses.instance_discrimination_loss import gather_features

FIVE = {'loss_cls', 'loss_dice', 'loss_mask', 'loss_insdis', 'loss_semantic'}


@MODELS.register_module()
class FeatureSpread(KMaXLoss):
    """Distance of pixel features from their mean over a mask; 0 samples take every pixel."""

    def __init__(self, loss_weight: float = 1.0, num_samples: int = 0) -> None:
        super().__init__(loss_weight)
        self.num_samples = num_samples

    def noise_length(self, prediction, size):
        return size[0] * size[1] if self.num_samples else 0

    def forward(self, inputs):
        has_query = inputs.matches.has_query
        pixels = torch.arange(has_query.shape[1]).expand(len(has_query), -1)
        if inputs.noise is not None:
            pixels = inputs.noise.topk(self.num_samples).indices
        features = gather_features(inputs.pixel_feature, pixels, inputs.size, inputs.align_corners)
        masks = (inputs.masks.binary * has_query[:, None]).gather(
            2, pixels[:, None].expand(-1, inputs.masks.binary.shape[1], -1)
        )
        means = masks @ features / masks.sum(-1, keepdim=True).clamp(min=1)
        own_mean = masks.transpose(1, 2) @ means
        distance = (features - own_mean).square().sum(-1) * masks.sum(1)
        return self.loss_weight * distance.mean()


def model_of(text, folder):
    """Read the model of a config that inherits the smallest one, by way of its dump."""
    file = folder / 'small.py'
    file.write_text(f'_base_ = {str(NANO)!r}\n{text}')
    cfg = Config.fromfile(file)
    check_settings(cfg, list(cfg))
    cfg.dump(folder / 'dumped.py')
    return Config.fromfile(folder / 'dumped.py').model


def train_once(config):
    """Return the head, its losses and the gradients of the features of every prediction."""
    config.panoptic_head.transformer_decoder.drop_path_rate = 0.0
    torch.manual_seed(0)
    model = build_model(config)
    ids = (torch.arange(65)[:, None] // 16 + torch.arange(65) // 24)[None] % 3
    samples = [panoptic_sample(ids, [0, 3])] * 2
    head, outputs = model.panoptic_head, []
    head.register_forward_hook(lambda head, args, output: outputs.append(output))
    torch.manual_seed(2)
    loss, logged = model.parse_losses(model.loss(torch.randn(2, 3, 65, 65), samples))
    features = [level.pixel_feature for level in (outputs[0], *outputs[0].aux)]
    gradients = torch.autograd.grad(loss, features)
    return head, {name: value.item() for name, value in logged.items()}, gradients


ADD = """model = dict(panoptic_head=dict(criterion=dict(losses=dict(
    loss_spread=dict(type='FeatureSpread', loss_weight=10.0{}))))) """


@pytest.mark.parametrize('options', ['', ', num_samples=50'], ids=['all_pixels', 'sampled'])
def test_a_config_adds_a_loss_to_every_prediction(nano_model, tmp_path, options):
    _, before, old_gradients = train_once(nano_model())
    head, after, gradients = train_once(model_of(ADD.format(options), tmp_path))
    levels = ['', *(f'd{index}.' for index in range(len(gradients) - 1))]
    assert len(levels) > 2
    assert set(after) - set(before) == {f'{level}loss_spread' for level in levels}
    for level, old, new in zip(levels, old_gradients, gradients, strict=True):
        assert after[f'{level}loss_spread'] > 0
        assert not torch.allclose(old, new), level
    added = sum(after[f'{level}loss_spread'] for level in levels)
    assert after['loss'] == pytest.approx(before['loss'] + added)
    # The draws of the other losses stay as they were.
    assert all(after[name] == value for name, value in before.items() if name != 'loss')
    assert type(head.criterion.losses['loss_spread']) is FeatureSpread


def test_an_inherited_loss_and_one_of_the_five_are_left_out(tmp_path):
    model_of(ADD.format(''), tmp_path)
    (tmp_path / 'child.py').write_text(
        "_base_ = 'dumped.py'\nmodel = dict(panoptic_head=dict(criterion=dict("
        'losses=dict(loss_spread=None, loss_insdis=None))))'
    )
    head, logged, _ = train_once(Config.fromfile(tmp_path / 'child.py').model)
    assert set(head.criterion.losses) == FIVE - {'loss_insdis'}
    assert not [name for name in logged if 'spread' in name or 'insdis' in name]


def test_one_of_the_five_is_swapped():
    criterion = KMaXCriterion(4, loss_dice=dict(type='FeatureSpread', num_samples=3))
    assert set(criterion.losses) == FIVE
    assert criterion.losses['loss_dice'].num_samples == 3


@pytest.mark.parametrize(
    ('losses', 'error', 'message'),
    [
        (dict(spread=dict(type='FeatureSpread')), ValueError, 'losses.spread must be called loss_'),
        (dict(loss_cls=dict(alpha=1)), ValueError, 'losses.loss_cls .* is configured by loss_cls'),
        (
            dict(loss_x=dict(type='CrossEntropyLoss')),
            TypeError,
            'loss_x builds a CrossEntropyLoss, which is no KMaXLoss: derive it from',
        ),
    ],
)
def test_what_is_no_loss_is_named(losses, error, message):
    with pytest.raises(error, match=message):
        KMaXCriterion(4, losses=losses)
