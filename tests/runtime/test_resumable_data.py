import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from mmengine.registry import DATA_SAMPLERS, DATASETS
from mmengine.runner import Runner

from projects.kmax.runtime import resumable_data
from projects.kmax.runtime.random_state import seed_sample, seed_step
from projects.kmax.runtime.resumable_data import SampleIndex, SeededDataset, make_resumable


class Numbers(torch.utils.data.Dataset):
    name = 'numbers'

    def __len__(self):
        return 10

    def __getitem__(self, index):
        assert type(index) is int
        return index, random.random(), np.random.rand(), torch.rand(()).item()


def loader(sampler, start=0, batch_size=3, **kwargs):
    cfg = dict(dataset=Numbers(), sampler=sampler, batch_size=batch_size, num_workers=0, **kwargs)
    made = Runner.build_dataloader(make_resumable(cfg), seed=5)
    made.batch_sampler.start_at(start, 5)
    return made


def test_data_that_fill_no_batch_are_an_error():
    made = loader(dict(type='DefaultSampler', shuffle=False), drop_last=True)
    made.batch_sampler.batch_size = made.batch_sampler._batches.batch_size = 11
    with pytest.raises(ValueError, match='10 images gives no batch of 11'):
        next(iter(made))


SAMPLERS = [
    dict(type='InfiniteSampler', shuffle=True),
    dict(type='InfiniteSampler', shuffle=False),
    dict(type='DefaultSampler', shuffle=True),
]


@pytest.mark.parametrize('sampler', SAMPLERS)
def test_any_batch_can_be_the_first(sampler):
    batches = list(islice(loader(sampler), 12))
    assert list(islice(loader(sampler, start=7), 5)) == batches[7:]


def test_order_is_that_of_the_sampler():
    expected = DATA_SAMPLERS.build(SAMPLERS[0], default_args=dict(dataset=Numbers(), seed=5))
    found = [index for batch in islice(loader(SAMPLERS[0]), 5) for index in batch[0]]
    assert found == list(islice(expected, 15))


def test_incomplete_batches_are_dropped_when_asked():
    sizes = [len(batch[0]) for batch in islice(loader(SAMPLERS[2], drop_last=True), 6)]
    assert sizes == [3] * 6
    sizes = [len(batch[0]) for batch in islice(loader(SAMPLERS[2]), 5)]
    assert sizes == [3, 3, 3, 1, 3]


def test_two_processes_draw_the_samples_of_one(monkeypatch):
    def samples(rank, world_size, batch_size):
        module = 'mmengine.dataset.sampler.get_dist_info'
        monkeypatch.setattr(module, lambda: (rank, world_size))
        monkeypatch.setattr(resumable_data, 'get_dist_info', lambda: (rank, world_size))
        batches = islice(loader(SAMPLERS[0], batch_size=batch_size), 4)
        return [set(zip(*batch, strict=True)) for batch in batches]

    halves = zip(samples(0, 2, 2), samples(1, 2, 2), strict=True)
    both = [first | second for first, second in halves]
    assert both == samples(0, 1, 4)


def test_nothing_is_drawn_before_the_start_is_known():
    cfg = dict(dataset=Numbers(), sampler=SAMPLERS[0], batch_size=2, num_workers=0)
    assert list(Runner.build_dataloader(make_resumable(cfg))) == []


def test_wrapped_data_set_shows_its_own_attributes():
    wrapped = pickle.loads(pickle.dumps(SeededDataset(Numbers())))
    assert wrapped.name == 'numbers' and len(wrapped) == 10
    with pytest.raises(AttributeError, match='absent'):
        wrapped.absent  # noqa: B018
    assert DATASETS.get('SeededDataset') is SeededDataset


def test_index_keeps_its_place_on_the_way_to_a_worker():
    index = pickle.loads(pickle.dumps(SampleIndex.make(4, seed=1, position=2)))
    assert (index, index.seed, index.position) == (4, 1, 2)


def test_places_draw_differently_and_repeatably():
    def draw(seed, *key):
        seed(*key)
        return random.random(), np.random.rand(), torch.rand(()).item()

    keys = [(seed_sample, 0, 1), (seed_sample, 1, 0), (seed_sample, 0, 2), (seed_step, 0, 0, 1)]
    draws = [draw(*key) for key in keys]
    assert draws == [draw(*key) for key in keys]
    for column in zip(*draws, strict=True):
        assert len(set(column)) == len(keys)


def test_seeded_dataset_hands_on_what_hooks_set():
    wrapped = SeededDataset(Numbers())
    wrapped.pipeline = 'another'
    assert wrapped.dataset.pipeline == 'another'
