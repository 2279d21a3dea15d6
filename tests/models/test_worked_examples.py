"""The examples in the docstrings of the dense numerics are true."""

import doctest

import pytest

from projects.kmax.models.losses import instance_discrimination_loss, pixel_softmax, sampling
from projects.kmax.models.postprocess import merging, slots

MODULES = (instance_discrimination_loss, merging, pixel_softmax, sampling, slots)


@pytest.mark.parametrize('module', MODULES)
def test_worked_examples(module):
    failed, attempted = doctest.testmod(module)
    assert attempted > 0 and failed == 0
