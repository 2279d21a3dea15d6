"""Threads and processes change no figure."""

import random
import threading

import pytest

from projects.kmax.evaluation.image_metric import ImageMetric


@pytest.fixture(autouse=True)
def _no_threads_of_earlier_tests():
    """End those of metrics that a test has left in the middle; idle ones end on their own."""
    for metric in list(ImageMetric._busy):
        metric._end_threads()
    for thread in threading.enumerate():
        if thread.name.startswith('ThreadPoolExecutor'):
            thread.join(1)


class Sum(ImageMetric):
    """Adds up numbers of which no order gives the same sum."""

    default_prefix = 'toy'

    def examine(self, sample):
        if sample['img_id'] == 'bad':
            raise ValueError("in the model's thread")
        return lambda: 1 / sample['number']

    def average(self, outcomes):
        return dict(sum=sum(outcomes.values()), count=len(outcomes))


SAMPLES = [dict(img_id=number, number=number + 0.1) for number in range(1, 42)]


def evaluate(samples):
    metric = Sum()
    for start in range(0, len(samples), 2):
        metric.process({}, samples[start : start + 2])
    return metric.evaluate(len(samples))


def test_repeated_images_count_once_and_order_does_not_matter():
    expected = evaluate(SAMPLES)
    assert expected['toy/count'] == 41
    shuffled = random.Random(0).sample(SAMPLES + SAMPLES[:7], 48)
    assert evaluate(shuffled) == expected


@pytest.mark.parametrize('parts', [(20, 21), (41, 0), (21, 25)], ids=str)
def test_two_processes(parts, in_a_group):
    """With uneven shares, an idle process, and images that both have."""
    shares = SAMPLES[: parts[0]], SAMPLES[41 - parts[1] :]
    assert in_a_group(lambda rank: evaluate(shares[rank])) == [evaluate(SAMPLES)] * 2


def test_fault_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        evaluate([*SAMPLES, dict(img_id=99, number=0)])


def test_no_thread_remains():
    before = threading.active_count()
    evaluate(SAMPLES)
    with pytest.raises(ZeroDivisionError):
        evaluate([dict(img_id=1, number=0)])
    assert threading.active_count() == before


def test_predictions_that_wait_are_few():
    metric = Sum()
    metric.process({}, SAMPLES)
    assert len(metric._pending) <= metric._threads


def test_no_thread_of_another_metric_is_alive_while_averaging():
    """An average may fork processes, as cityscapesScripts' does."""
    alive = []

    class Watching(Sum):
        def average(self, outcomes):
            alive.append(threading.active_count())
            return super().average(outcomes)

    before = threading.active_count()
    first, second = Watching(), Sum()
    for metric in (first, second):
        metric.process({}, SAMPLES)
    assert threading.active_count() > before
    found = first.evaluate(len(SAMPLES))
    assert alive == [before]
    assert second.evaluate(len(SAMPLES)) == found == evaluate(SAMPLES)


def test_fault_of_another_metric_is_left_to_it():
    before = threading.active_count()
    first, second = Sum(), Sum()
    first.process({}, SAMPLES)
    second.process({}, [dict(img_id=1, number=0)])
    assert first.evaluate(len(SAMPLES)) == evaluate(SAMPLES)
    assert threading.active_count() == before
    with pytest.raises(ZeroDivisionError):
        second.evaluate(1)
