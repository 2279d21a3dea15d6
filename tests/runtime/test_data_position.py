"""Where the data go on when a training resumes with batches of another size."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub

from projects.kmax.runtime import data_position
from projects.kmax.runtime.data_position import start_data


@pytest.fixture
def resume(monkeypatch):
    """Return a function from an iteration, processes and their batch size to the first batch."""
    warned = []
    runner = SimpleNamespace(message_hub=MessageHub('position'))

    def start(iteration, processes, batch_size):
        monkeypatch.setattr(data_position, 'get_world_size', lambda: processes)
        return start_data(runner, iteration, batch_size)

    def note(text, level, **_):
        assert level == logging.WARNING
        warned.append(text)

    monkeypatch.setattr(data_position, 'print_log', note)
    start.warned = warned
    return start


def test_data_go_on_after_the_images_that_were_trained_on(resume):
    assert resume(0, 2, 4) == 0
    # 10 iterations of 8 images, then 6 of 4, then 2 of 8 again.
    assert resume(10, 1, 4) == 20
    assert resume(16, 2, 4) == 13
    assert resume(18, 2, 4) == 15
    assert len(resume.warned) == 2
    assert 'with 4 images per iteration in 1 processes, after 8 in 2' in resume.warned[0]
    assert 'after 80 images' in resume.warned[0]


def test_less_than_a_batch_is_left_out(resume):
    resume(0, 1, 2)
    assert resume(5, 1, 4) == 3
    assert 'after 12 images' in resume.warned[0]


def test_no_change_and_older_checkpoints_need_no_word(resume):
    assert resume(7, 2, 1) == 7
    assert resume(9, 1, 2) == 9
    assert not resume.warned


def test_a_new_training_forgets_an_earlier_one(resume):
    resume(0, 2, 4)
    assert resume(0, 1, 4) == 0
    assert not resume.warned
