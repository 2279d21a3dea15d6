"""Networks and losses are traced by torch.compile without graph breaks, and compute the same."""

import pytest
import torch
from helpers import SMALL_BACKBONES, build_model, panoptic_sample
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch._dynamo.utils import counters

from projects.kmax.engine import compilation
from projects.kmax.engine.compilation import compile_model

BACKBONES = {
    'resnet': (None, None),
    'recomputed': (None, None),
    **SMALL_BACKBONES,
}


def build(name):
    cfg = Config.fromfile(ROOT / 'configs/kmax/kmax_nano_shapes-panoptic.py').model
    backbone, channels = BACKBONES[name]
    if backbone:
        cfg.backbone, cfg.panoptic_head.in_channels = backbone, channels
    if name == 'recomputed':
        for part in ('transformer_decoder', 'pixel_decoder', 'semantic_decoder'):
            cfg.panoptic_head[part].with_cp = True
    # Chance would differ.
    cfg.panoptic_head.transformer_decoder.drop_path_rate = 0.0
    init_default_scope('mmdet')
    torch.manual_seed(0)
    return MODELS.build(cfg)


def logits(model, images):
    return model.panoptic_head.predict(model.extract_feat(images))


def everything(model, images):
    output = model.panoptic_head(model.extract_feat(images))
    predictions = [output, *output.aux]
    tensors = [t for p in predictions for t in (p.cls_logits, p.mask_logits, p.pixel_feature)]
    return [*tensors, output.semantic_logits]


@pytest.mark.parametrize(
    ('name', 'mode'),
    [
        *(('resnet', 'eval'), ('resnet', 'folded'), ('resnet', 'train')),
        *(('axial', 'folded'), ('axial', 'train'), ('convnext', 'train')),
        ('recomputed', 'train'),
    ],
)
def test_a_network_is_one_graph(name, mode):
    torch.compiler.reset()
    model = build(name)
    model = model.eval().fold() if mode == 'folded' else model.train(mode == 'train')
    work = everything if mode == 'train' else logits
    images = torch.randn(2, 3, 65, 97)
    # Fails where the graph would break.
    compiled = torch.compile(work, backend='eager', fullgraph=True, dynamic=False)
    found = []
    with torch.set_grad_enabled(mode == 'train'):
        for run in (compiled, work):
            torch.manual_seed(0)
            found.append(run(model, images))
    assert all(map(torch.equal, *found))


@pytest.fixture
def model(nano_model):
    """The smallest model, without chance but for the sampling of pixels."""
    torch.compiler.reset()
    counters.clear()
    config = nano_model()
    config.panoptic_head.transformer_decoder.drop_path_rate = 0.0
    config.panoptic_head.semantic_decoder.dropout = 0.0
    return build_model(config)


def batch(*counts):
    """Images, each of so many segments side by side, and void."""
    samples = []
    for count in counts:
        ids = torch.zeros(1, 65, 97)
        for index in range(count):
            ids[:, :60, index * 97 // count : (index + 1) * 97 // count] = index + 1
        labels = [3 * index % 10 for index in range(count)]
        samples.append(panoptic_sample(ids, labels, img_shape=(65, 97), ori_shape=(65, 97)))
    return torch.randn(len(counts), 3, 65, 97), samples


def step(model, data):
    """Return losses and gradients, the same pixels sampled at every call."""
    torch.manual_seed(1)
    model.zero_grad()
    losses = model.loss(*data)
    model.parse_losses(losses)[0].backward()
    return losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_losses_have_no_graph_breaks(model, monkeypatch):
    monkeypatch.setattr(compilation, 'PARTS', ())  # The network is traced above.
    model.train()
    names = set(model.state_dict())
    batches = [batch(2, 3), batch(6, 1), batch(4, 7)]
    expected = [step(model, data) for data in batches]
    compile_model(model, backend='eager')
    assert set(model.state_dict()) == names
    graphs = []
    for data, plain in zip(batches, expected, strict=True):
        torch.testing.assert_close(step(model, data), plain, rtol=0, atol=0)
        graphs.append(counters['stats']['unique_graphs'])
    assert not counters['graph_break']
    # Of the pixel softmax, and of losses on maps of the masks' size and on coarser ones.
    assert graphs[0] >= 3
    # The number of masks became a variable.
    assert graphs[2] == graphs[1]


@pytest.mark.slow
def test_a_compiled_model_trains_and_predicts_as_the_plain_one(model):
    """Takes 5 to 15 minutes on one core when torch has no compiled code in its cache."""
    data = batch(2, 3)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    losses, gradients = step(model, data)
    folded = model.eval().fold()
    with torch.no_grad():
        predicted = [logits(each, data[0]) for each in (model, folded)]
    model.load_state_dict(before)
    compile_model(model.train())
    compiled_losses, compiled_gradients = step(model, data)
    torch.testing.assert_close(compiled_losses, losses, rtol=1e-4, atol=1e-5)
    largest = max(gradient.norm() for gradient in gradients.values())
    for name, gradient in gradients.items():
        error = (compiled_gradients[name] - gradient).norm()
        assert error <= 0.005 * gradient.norm() + 1e-5 * largest, name
    compile_model(model.eval()), compile_model(folded)
    with torch.no_grad():
        found = [logits(each, data[0]) for each in (model, folded)]
    torch.testing.assert_close(found, predicted, rtol=1e-3, atol=1e-3)
