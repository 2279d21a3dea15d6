"""Frozen stages and batch norms keep weights and statistics, and the others train."""

import pytest
import torch
from helpers import SMALL_BACKBONES, build_model, two_segments
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper

KINDS = dict(SMALL_BACKBONES, resnet=(None, None))
OPTIMIZER = dict(
    type='OptimWrapper',
    constructor='KMaXOptimWrapperConstructor',
    optimizer=dict(type='KMaXAdamW', lr=0.01, weight_decay=0.05),
)
STEM = dict(
    resnet=('conv1.', 'norm1.', 'bn1.'), axial=('stem.',), convnext=('downsample_layers.0.',)
)
STAGE_1 = dict(resnet='layer1.', axial='stages.0.', convnext='stages.0.')


@pytest.fixture
def build(nano_model):
    """Return a function from a kind of backbone and its options to a model."""

    def make(kind, **options):
        config = nano_model()
        backbone, channels = KINDS[kind]
        if backbone is not None:
            config.backbone = Config(dict(backbone))
            config.panoptic_head.in_channels = channels
        config.backbone.update(options)
        return build_model(config)

    return make


def step(model):
    """Train for one step; return what was before, and the names that the optimiser was given."""
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    wrapper = build_optim_wrapper(model, OPTIMIZER)
    names = {id(p): name for name, p in model.backbone.named_parameters()}
    given = {names[id(p)] for g in wrapper.param_groups for p in g['params'] if id(p) in names}
    model.train()
    losses = model.loss(torch.randn(2, 3, 65, 97), [two_segments(65, 97)] * 2)
    wrapper.update_params(sum(losses.values()))
    return before, given


@pytest.mark.parametrize('with_cp', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_frozen_stages_stay_and_the_others_learn(kind, with_cp, build):
    model = build(kind, frozen_stages=1, with_cp=with_cp)
    before, given = step(model)
    frozen = (*STEM[kind], STAGE_1[kind])
    after = model.backbone.state_dict()
    changed = {name for name, value in before.items() if not value.equal(after[name])}
    assert given and not any(name.startswith(frozen) for name in given | changed)
    trained = {name for name, _ in model.backbone.named_parameters() if not name.startswith(frozen)}
    assert given == trained and changed & trained


@pytest.mark.parametrize('kind', ['resnet', 'axial'])
def test_norms_keep_their_statistics_and_their_weights_learn(kind, build):
    model = build(kind, norm_eval=True)
    before, given = step(model)
    after = model.backbone.state_dict()
    changed = {name for name, value in before.items() if not value.equal(after[name])}
    assert not any('running' in name or 'num_batches' in name for name in changed)
    assert given == set(dict(model.backbone.named_parameters()))
    assert any(name.endswith(('bn.weight', 'bn1.weight')) for name in changed)


@pytest.mark.parametrize('kind', KINDS)
def test_all_stages_can_be_frozen_and_no_more(kind, build):
    model = build(kind, frozen_stages=4)
    before, given = step(model)
    assert not given
    torch.testing.assert_close(model.backbone.state_dict(), before, rtol=0, atol=0)
    with pytest.raises(ValueError, match=r'frozen_stages is 5, but must be .* 4'):
        build(kind, frozen_stages=5)


def test_convnext_has_no_statistics_to_keep(build):
    with pytest.raises(TypeError, match='norm_eval'):
        build('convnext', norm_eval=True)
