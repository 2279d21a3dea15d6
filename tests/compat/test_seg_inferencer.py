from mmseg.apis import MMSegInferencer

from projects.kmax.compat import seg_inferencer
from projects.kmax.compat.det_inferencer import draws_bgr


def test_arrays_are_drawn_as_rgb(monkeypatch):
    """Whether mmseg's API was imported after this project, as here, or before it."""
    assert not draws_bgr(MMSegInferencer)
    monkeypatch.setattr(MMSegInferencer, 'visualize', MMSegInferencer.visualize.__wrapped__)
    assert draws_bgr(MMSegInferencer)
    seg_inferencer.apply()
    assert not draws_bgr(MMSegInferencer)
    wrapped = MMSegInferencer.visualize
    seg_inferencer.apply()
    assert MMSegInferencer.visualize is wrapped
