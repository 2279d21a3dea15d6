from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS, MODEL_WRAPPERS


def loop(num_things, num_stuff):
    metainfo = dict(thing_classes=('a',) * num_things, stuff_classes=('b',) * num_stuff)
    dataset = SimpleNamespace(metainfo=metainfo, ann_file='data/panoptic.json')
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))


def make_model(num_things=2, num_stuff=1, fusion=None):
    head = SimpleNamespace(num_things_classes=num_things, num_stuff_classes=num_stuff)
    return SimpleNamespace(panoptic_head=head, panoptic_fusion_head=fusion or head)


def make_runner(model, **loops):
    right = loop(2, 1)
    loops = {'train_loop': right, 'val_loop': right, 'test_loop': right} | loops
    return SimpleNamespace(model=model, **loops)


@pytest.fixture
def hook():
    return HOOKS.build(dict(type='CheckClassesHook'))


def refusal(check, runner):
    """Return the message with which a check refuses, or None."""
    try:
        check(runner)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_agreeing_counts_pass(hook, stage):
    assert refusal(getattr(hook, f'before_{stage}'), make_runner(make_model())) is None


@pytest.mark.parametrize(
    ('stage', 'wrong'), [('train', 'train'), ('train', 'val'), ('val', 'val'), ('test', 'test')]
)
def test_contradiction_names_counts_file_and_fields(hook, stage, wrong):
    runner = make_runner(make_model(), **{f'{wrong}_loop': loop(3, 5)})
    message = refusal(getattr(hook, f'before_{stage}'), runner)
    for part in (
        'model.panoptic_head.num_things_classes=2',
        'num_stuff_classes=1',
        'data/panoptic.json has 3 thing and 5 stuff',
        'panoptic_fusion_head',
    ):
        assert part in message


def test_head_of_the_fusion_is_checked(hook):
    fusion = SimpleNamespace(num_things_classes=1, num_stuff_classes=2)
    with pytest.raises(ValueError, match='model.panoptic_fusion_head.num_things_classes=1'):
        hook.before_test(make_runner(make_model(fusion=fusion)))


def test_wrapped_model_is_checked(hook, monkeypatch):
    class Wrapper:
        module = make_model(5, 5)

    monkeypatch.setitem(MODEL_WRAPPERS._module_dict, 'Wrapper', Wrapper)
    with pytest.raises(ValueError, match='num_things_classes=5'):
        hook.before_test(make_runner(Wrapper()))


def test_training_without_validation(hook):
    assert refusal(hook.before_train, make_runner(make_model(), val_loop=None)) is None
    wrong = make_runner(make_model(3, 5), val_loop=None)
    assert 'num_things_classes=3' in refusal(hook.before_train, wrong)


def test_data_and_models_without_counts_pass(hook):
    plain = SimpleNamespace(dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo={})))
    assert refusal(hook.before_test, make_runner(make_model(), test_loop=plain)) is None
    assert refusal(hook.before_test, make_runner(SimpleNamespace())) is None


def test_validation_with_other_classes_is_refused(hook):
    def with_classes(*classes):
        one = loop(2, 1)
        one.dataloader.dataset.metainfo['classes'] = classes
        return one

    train, val = with_classes('a', 'b', 'c'), with_classes('b', 'a', 'c')
    message = refusal(hook.before_train, make_runner(make_model(), train_loop=train, val_loop=val))
    assert message.startswith("data/panoptic.json has the classes ('b', 'a', 'c'), but ")
    assert refusal(hook.before_train, make_runner(make_model(), train_loop=train)) is None
