"""What annotations tell before a training reads an image, and how often it is said."""

import json
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import DATASETS
from mmdet.structures import DetDataSample
from mmengine.registry import HOOKS, init_default_scope
from mmengine.structures import InstanceData

from projects.kmax.engine.hooks.warn_about_data import find_warnings
from projects.kmax.panoptic.faults import FaultKind
from projects.kmax.runtime.resumable_data import SeededDataset

CATEGORIES = [dict(id=1, name='cat', isthing=1), dict(id=2, name='sky', isthing=0)]
CAT, SKY = dict(id=1, category_id=1), dict(id=2, category_id=2)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes images by name, all with the given segments."""
    init_default_scope('mmdet')

    def run(split, images, segments=(CAT, SKY), build=True, ann_file=None):
        (tmp_path / split).mkdir(exist_ok=True)
        for name, content in images.items():
            (tmp_path / split / f'{name}.jpg').write_text(content)
        ann_file = ann_file or f'{split}.json'
        content = dict(
            images=[dict(id=n, file_name=f'{n}.jpg', height=8, width=8) for n in images],
            annotations=[
                dict(image_id=n, file_name=f'{n}.png', segments_info=segments) for n in images
            ],
            categories=CATEGORIES,
        )
        (tmp_path / ann_file).write_text(json.dumps(content))
        cfg = dict(
            type='KMaXPanopticDataset',
            ann_file=ann_file,
            data_root=str(tmp_path),
            data_prefix=dict(img=split, seg=split),
        )
        return DATASETS.build(cfg) if build else cfg

    return run


def kinds(train, val=None):
    return [fault.kind for fault in find_warnings(train, val)]


def test_same_path_in_both_splits_is_a_leak(write):
    train = write('images', {1: 'a', 2: 'b'})
    val = write('images', {2: 'b'}, ann_file='val.json')
    (fault,) = find_warnings(train, val)
    assert fault.kind is FaultKind.LEAK
    assert 'image 2 (' in fault.message and 'val.json is the same as image 2 (' in fault.message


def test_same_id_and_name_are_a_leak_only_with_the_same_content(write):
    val = write('val', {1: 'a', 2: 'b'})
    assert kinds(write('train', {1: 'c', 2: 'd'}), val) == []
    (fault,) = find_warnings(write('train', {1: 'c', 2: 'b'}), val)
    assert fault.image_id == 2


def test_training_data_given_for_validation_too_are_no_leak(write):
    train = write('train', {1: 'a'})
    assert kinds(train, train) == []


def test_wrapped_data_sets_are_looked_at_together(write):
    cats = write('one', {1: 'a'}, [CAT], build=False)
    sky = dict(type='RepeatDataset', times=3, dataset=write('two', {1: 'b'}, [SKY], build=False))
    val = write('val', {1: 'b'})
    both = DATASETS.build(dict(type='ConcatDataset', datasets=[cats, sky]))
    assert kinds(SeededDataset(both), val) == [FaultKind.LEAK]
    assert kinds(SeededDataset(DATASETS.build(cats))) == [FaultKind.NEVER_ANNOTATED]


def test_images_that_training_leaves_out_are_no_concern_of_it(write):
    cfg = write('train', {1: 'a', 2: 'b'}, [], build=False)
    assert kinds(DATASETS.build(cfg)).count(FaultKind.VOID_ONLY) == 2
    assert kinds(DATASETS.build({**cfg, 'indices': 1})).count(FaultKind.VOID_ONLY) == 1


def test_crowd_counts_as_no_segment_of_its_class(write):
    (fault,) = find_warnings(write('train', {1: 'a'}, [{**CAT, 'iscrowd': 1}, SKY]))
    assert 'is of class "cat"' in fault.message
    first, *_ = find_warnings(write('train', {1: 'a'}, [{**CAT, 'iscrowd': 1}]))
    assert first.kind is FaultKind.CROWD_ONLY
    assert 'all segments of image 1 in ' in first.message


def test_data_of_other_formats_pass(write):
    assert kinds(torch.utils.data.TensorDataset(torch.ones(2)), write('val', {1: 'a'})) == []


@pytest.fixture
def hook(write, monkeypatch):
    """Return a hook of a model of two queries, and the messages it logs."""
    logged = []
    name = 'projects.kmax.engine.hooks.warn_about_data.print_log'
    monkeypatch.setattr(name, lambda message, **_: logged.append(message))
    hook = HOOKS.build(dict(type='WarnAboutDataHook'))

    def start(images, segments, num_queries=2, iteration=0):
        decoder = SimpleNamespace(num_queries=num_queries)
        head = SimpleNamespace(transformer_decoder=decoder)
        loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=write('train', images, segments)))
        model = SimpleNamespace(panoptic_head=head) if num_queries else torch.nn.Identity()
        runner = SimpleNamespace(model=model, train_loop=loop, val_loop=None, iter=iteration)
        hook.before_train(runner)
        return hook, logged

    return start


def batch(*counts):
    samples = []
    for number, count in enumerate(counts):
        meta = dict(img_id=number, img_path=f'train/{number}.jpg')
        sample = DetDataSample(metainfo=meta)
        sample.gt_segments = InstanceData(labels=torch.zeros(count, dtype=torch.int64))
        samples.append(sample)
    return dict(data_samples=samples)


def test_each_kind_is_logged_once(hook):
    _, logged = hook({1: 'a', 2: 'b'}, [])
    kinds = [message.partition(':')[0] for message in logged]
    assert kinds == ['image of nothing but void', 'class never annotated']


def test_first_image_with_too_many_segments_is_named(hook):
    started, logged = hook({1: 'a'}, [CAT, SKY])
    for counts in ((1, 2), (2, 3), (4, 4)):
        started.before_train_iter(None, 0, batch(*counts))
    (message,) = logged
    said = 'image 1 (train/1.jpg) has 3 segments, but the model has only num_queries=2: 1'
    assert said in message


def test_processes_without_a_log_write_to_stderr(hook, monkeypatch):
    name = 'projects.kmax.engine.hooks.warn_about_data.is_main_process'
    monkeypatch.setattr(name, lambda: False)
    started, logged = hook({1: 'a'}, [])
    said = 'image 0 .* has 3 segments.* Training goes on;'
    with pytest.warns(UserWarning, match=said) as caught:
        for _ in range(2):
            started.before_train_iter(None, 0, batch(3))
    assert len(caught) == 1 and logged == []


def test_resumed_training_looks_at_images_but_not_at_annotations_again(hook):
    started, logged = hook({1: 'a'}, [], iteration=5)
    assert logged == []
    started.before_train_iter(None, 0, batch(3))
    assert len(logged) == 1


@pytest.mark.parametrize('num_queries', [2, None])
def test_other_batches_and_models_pass(hook, num_queries):
    started, logged = hook({1: 'a'}, [CAT, SKY], num_queries)
    others = [None, [1], dict(data_samples=torch.ones(2)), dict(data_samples=[DetDataSample()])]
    for data in others if num_queries else [*others, batch(5)]:
        started.before_train_iter(None, 0, data)
    assert logged == []
