"""mmengine's own parts in a training of this model."""

import json

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

WEIGHT = 'panoptic_head.predictor.class_head.weight'


@HOOKS.register_module()
class RecordWeightHook(Hook):
    """Keeps one weight after every iteration."""

    priority = 'VERY_HIGH'

    def before_train(self, runner):
        runner.recorded = [runner.model.get_parameter(WEIGHT).detach().clone()]

    def after_train_iter(self, runner, *args, **kwargs):
        runner.recorded.append(runner.model.get_parameter(WEIGHT).detach().clone())


RECORD = dict(type='RecordWeightHook')


def test_average_of_weights_is_saved(training, tmp_path):
    runner = training(custom_hooks=[RECORD, dict(type='EMAHook', momentum=0.25)])
    _, first, second = runner.recorded
    assert not first.equal(second)
    saved = torch.load(tmp_path / 'iter_2.pth')['state_dict'][WEIGHT]
    # The average starts as a copy.
    torch.testing.assert_close(saved, 0.75 * first + 0.25 * second)


def test_gradients_accumulate(training):
    config = {'optim_wrapper.accumulative_counts': 2, 'custom_hooks': [RECORD]}
    start, first, second = training(**config).recorded
    assert start.equal(first)
    assert not first.equal(second)


def test_best_checkpoint_and_logs(training, tmp_path):
    tensorboard = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    config = {
        'default_hooks.checkpoint.save_best': 'coco_panoptic/PQ',
        'default_hooks.checkpoint.rule': 'greater',
        'visualizer.vis_backends': [dict(type=f'{x}VisBackend') for x in ('Local', 'Tensorboard')],
    }
    training(**config)
    (best,) = tmp_path.glob('best_coco_panoptic_PQ_iter_*.pth')
    assert WEIGHT in torch.load(best)['state_dict']
    (scalars,) = tmp_path.glob('*/vis_data/scalars.json')
    records = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert [record['step'] for record in records if 'loss' in record] == [1, 2]
    terms = {'loss_cls', 'loss_dice', 'loss_mask', 'loss_insdis', 'loss_semantic', 'd2.loss_cls'}
    assert terms <= records[0].keys()
    (events,) = tmp_path.glob('*/vis_data/events.out.tfevents.*')
    accumulator = tensorboard.EventAccumulator(str(events)).Reload()
    logged = [event.value for event in accumulator.Scalars('loss')]
    assert logged == pytest.approx([r['loss'] for r in records if 'loss' in r], rel=1e-5)
    assert len(accumulator.Scalars('coco_panoptic/PQ')) == 1


def test_profiler_writes_a_trace(training, tmp_path):
    trace = tmp_path / 'trace.json'
    options = dict(by_epoch=False, profile_times=1, activity_with_cuda=False)
    profiler = dict(type='ProfilerHook', json_trace_path=str(trace), **options)
    training(custom_hooks=[profiler])
    names = {event.get('name', '') for event in json.loads(trace.read_text())['traceEvents']}
    assert any('aten::index_add' in name for name in names)
