import numpy as np
import pytest

from projects.kmax.compat import cityscapes_scripts


def test_in1d_is_numpys():
    values = np.arange(6).reshape(2, 3)
    for invert in (False, True):
        found = cityscapes_scripts.in1d(values, [1, 4, 9], invert=invert)
        assert found.tolist() == [(value in (1, 4)) != invert for value in range(6)]


@pytest.mark.parametrize(
    'caller', ['evalInstanceLevelSemanticLabeling', 'evalPixelLevelSemanticLabeling']
)
def test_its_modules_alone_have_it(caller):
    evaluation = pytest.importorskip(f'cityscapesscripts.evaluation.{caller}')
    assert evaluation.np.in1d([3], [3]).all()
    assert evaluation.np.isin is np.isin
    assert hasattr(np, 'in1d') == (evaluation.np is np)
