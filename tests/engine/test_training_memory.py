"""The memory of a step on fake tensors against what torch allocates for a real one on a CPU."""

from dataclasses import replace
from functools import partial
from itertools import accumulate

import pytest
import torch
from helpers import NANO, SMALL_BACKBONES, panoptic_sample, run_command
from imports import ROOT
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch.profiler import ProfilerActivity, profile

from projects.kmax.engine import training_memory as module
from projects.kmax.engine.training_memory import (
    GIB,
    TrainingMemory,
    TrainingStep,
    largest_batch,
    training_memory,
    with_checkpointing,
)

STEP = TrainingStep(size=(97, 129), batch=2, masks=5)
RESNET = dict(type='KMaXResNet', depth=18, stem_channels=8, base_channels=8)
SMALL = dict(SMALL_BACKBONES, resnet=(RESNET, [8, 8, 16, 32, 64]))
ADAM = dict(constructor='KMaXOptimWrapperConstructor')
ADAM['optimizer'] = dict(type='KMaXAdamW', lr=1e-3, weight_decay=0.05)

run_tool = partial(run_command, 'cost', 'model_cost.py')


def small_config(head, backbone='resnet', **wrapper):
    init_default_scope('mmdet')
    settings, channels = SMALL[backbone]
    # One layer has all kinds of operators.
    decoder = dict(head['transformer_decoder'], num_layers=(0, 0, 1))
    head = dict(head, in_channels=channels, transformer_decoder=decoder)
    head.update(num_things_classes=3, num_stuff_classes=2)
    model = dict(
        type='KMaXDeepLab',
        data_preprocessor=dict(type='KMaXDataPreprocessor'),
        backbone=settings,
        panoptic_head=dict(head, type='KMaXHead'),
        panoptic_fusion_head=dict(type='KMaXFusionHead'),
    )
    return Config(dict(model=model, optim_wrapper=dict(ADAM, **wrapper), crop_size=STEP.size))


def published(name):
    init_default_scope('mmdet')
    return Config.fromfile(str(ROOT / 'configs/kmax' / f'{name}.py'))


def make_batch(step, num_things):
    height, width = step.size
    ids = (torch.arange(height * width) * step.masks // (height * width) + 1).view(1, *step.size)
    labels = [row % num_things for row in range(step.masks)]
    sizes = dict(img_shape=step.size, ori_shape=step.size)
    images = [torch.randint(256, (3, height, width), dtype=torch.uint8) for _ in range(step.batch)]
    samples = [panoptic_sample(ids, labels, **sizes) for _ in range(step.batch)]
    return dict(inputs=images, data_samples=samples)


def real_peak(config, step):
    """Return the bytes of the second step: what is held before it, and allocated during it."""
    config = with_checkpointing(config) if step.checkpointing else config
    # So that no further padding changes the input.
    config.model.data_preprocessor.pad_size = step.size
    model = MODELS.build(config.model).train()
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    batch = make_batch(step, model.panoptic_head.num_things_classes)

    def run():
        with torch.autocast('cpu', torch.float16, enabled=step.amp):
            loss = model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))[0]
        optimizer.update_params(loss)

    for _ in range(2 * config.optim_wrapper.get('accumulative_counts', 1) - 1):
        run()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    moments = [value for state in optimizer.optimizer.state.values() for value in state.values()]
    held = [*model.parameters(), *model.buffers(), *gradients, *moments]
    before = sum(tensor.nbytes for tensor in held)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run()
    events = [e for e in found.profiler.kineto_results.events() if e.name() == '[memory]']
    events.sort(key=lambda event: event.start_ns())
    return before, before + max(accumulate(event.nbytes() for event in events))


def check_against_real(config, step):
    memory = training_memory(config, step)
    before, peak = real_peak(config, step)
    assert memory.total == pytest.approx(peak, rel=0.1)
    # Weights and moments are known anyhow.
    assert memory.total - before == pytest.approx(peak - before, rel=0.1)
    return memory


@pytest.fixture(scope='module')
def plain(tiny_head):
    return training_memory(small_config(tiny_head), STEP)


@pytest.mark.parametrize('backbone', ['resnet', 'convnext'])
def test_is_what_a_step_allocates(tiny_head, backbone):
    memory = check_against_real(small_config(tiny_head, backbone), STEP)
    assert memory.optimizer == pytest.approx(2 * memory.weights, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'step'),
    [
        ('kmax_nano_shapes-panoptic', TrainingStep((129, 161), batch=4)),
        ('kmax_nano_shapes-panoptic', TrainingStep((129, 161), batch=2, amp=True)),
        ('kmax_r18_custom-panoptic', TrainingStep((257, 257), batch=2)),
        ('kmax_r50_1xb2-40k_custom-panoptic', TrainingStep((257, 257), batch=2)),
        ('kmax_r50_8xb4-60k_cityscapes-panoptic', TrainingStep((257, 513), checkpointing=True)),
        ('kmax_r50-port_8xb8-150k_coco-panoptic', TrainingStep((257, 257), amp=True)),
        ('kmax_convnext-t_8xb8-150k_coco-panoptic', TrainingStep((257, 257), batch=2)),
        ('kmax_axial-r50_8xb8-150k_coco-panoptic', TrainingStep((257, 257))),
    ],
)
def test_published_configs_are_what_a_step_allocates(name, step):
    check_against_real(published(name), step)


def test_held_gradients_of_accumulated_iterations_count(tiny_head, plain):
    config = small_config(tiny_head, accumulative_counts=3, clip_grad=dict(max_norm=1.0))
    accumulated = training_memory(config, STEP)
    assert plain.gradients < accumulated.gradients == pytest.approx(plain.weights, rel=0.1)


def test_checkpointing_and_mixed_precision_keep_less(tiny_head, plain):
    config = small_config(tiny_head)
    less = training_memory(config, replace(STEP, checkpointing=True))
    half = training_memory(config, replace(STEP, amp=True))
    assert max(less.activations, half.activations) < 0.95 * plain.activations
    assert 'with_cp' not in config.model.backbone  # the caller's config is left as it was


def test_step_is_that_of_the_config(tiny_head):
    config = small_config(tiny_head, type='AmpOptimWrapper')
    config.train_dataloader = dict(batch_size=3)
    assert TrainingStep.of(config) == TrainingStep(STEP.size, batch=3, amp=True)
    assert TrainingStep.of(config, batch=2, masks=7).batch == 2


@pytest.mark.parametrize('per_image', [lambda n: 10 + 3 * n, lambda n: max(50 + 3 * n, 4 * n)])
@pytest.mark.parametrize('limit', [12, 60, 100, 101, 1000])
def test_largest_batch_is_the_last_that_fits(monkeypatch, per_image, limit):
    monkeypatch.setattr(
        module, 'training_memory', lambda _, step: TrainingMemory(0, 0, 0, per_image(step.batch))
    )
    # No more than 128 are tried, as each image takes time.
    most = max((n for n in range(1, 129) if per_image(n) <= limit), default=None)
    found = largest_batch(None, STEP, limit)
    assert (found and found[0].batch) == most
    assert found is None or found[1].total == per_image(most) <= limit


def test_loss_that_reads_values_is_named(tiny_head, monkeypatch):
    config = small_config(tiny_head)
    monkeypatch.setattr(module, '_losses', lambda model, images, targets: images.sum().item())
    with pytest.raises(ValueError, match='without values, which aten'):
        training_memory(config, STEP)


@pytest.fixture
def per_image(monkeypatch):
    """Let every image take a GiB, half of that with each of the two options, and all 0.875."""

    def estimate(_, step):
        share = 2 ** (step.amp + step.checkpointing)
        return TrainingMemory(GIB // 4, GIB // 8, GIB // 2, step.batch * GIB // share)

    monkeypatch.setattr(module, 'training_memory', estimate)


@pytest.mark.usefixtures('per_image')
@pytest.mark.parametrize(
    ('options', 'cells'),
    [
        ([], ['4', '0.25', '0.12', '0.50', '4.00', '4.88']),
        (['--memory', 6], ['5', '0.25', '0.12', '0.50', '5.00', '5.88']),
        (['--memory', 500], ['128 or more', '0.25', '0.12', '0.50', '128.00', '128.88']),
        (['--memory', 6, '--amp'], ['10', '0.25', '0.12', '0.50', '5.00', '5.88']),
        (['--batch', 1, 8, '--variants'], ['1 / 8', '1.88 / 8.88', *['1.38 / 4.88'] * 2]),
    ],
)
def test_tool_finds_a_batch_and_compares_variants(capsys, options, cells):
    run_tool(NANO, '--train', *options)
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith(f'| kmax_nano_shapes-panoptic | 129 x 161 | {" | ".join(cells)} |')


@pytest.mark.usefixtures('per_image')
@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--batch', 2], '--batch needs --train'),
        (['--amp'], '--amp needs --train'),
        (['--train', '--batch', 0], '--batch must be 1 to 1024 images, got 0'),
        (['--train', '--batch', 2, 10**8], '--batch must be 1 to 1024 images, got 100000000'),
        (['--train', '--masks', 0], '--masks must be at least 1, got 0'),
        (['--train', '--memory', 'nan'], '--memory must be a positive number of GiB, got nan'),
        (['--train', '--memory', 8, '--batch', 2], '--memory looks for a batch and excludes'),
        (['--train', '--variants', '--amp'], '--variants tries --amp already'),
        (['--train', '--memory', 0.5], 'not even one image fits into --memory 0.5: it needs 1.88'),
    ],
)
def test_tool_refuses(capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        run_tool(NANO, *options)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('crop_size = (65, 65)', 'lacks model, which this command needs'),
        ('optim_wrapper = None', 'lacks optim_wrapper, which this command needs'),
        (
            "model = dict(_delete_=True, type='Other', data_preprocessor=dict(pad_size=(65, 65)))",
            'is the config of Identity, not KMaXDeepLab',
        ),
        ('model = dict(panoptic_head=dict(criterion=None))', 'no model.panoptic_head.criterion'),
    ],
)
def test_tool_refuses_configs_that_train_nothing(monkeypatch, tmp_path, capsys, content, message):
    monkeypatch.setitem(MODELS.module_dict, 'Other', torch.nn.Identity)
    base = '' if content.startswith('crop_size') else f"_base_ = '{NANO}'\n"
    (tmp_path / 'other.py').write_text(base + content)
    with pytest.raises(SystemExit) as stop:
        run_tool(tmp_path / 'other.py', '--train', '--checkpointing')
    assert stop.value.code == 2 and message in capsys.readouterr().err
