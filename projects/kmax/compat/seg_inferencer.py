"""mmseg's inferencer draws on arrays, which it reads as BGR, as if they were RGB.

Upstream: https://github.com/open-mmlab/mmsegmentation (``mmseg/apis/mmseg_inferencer.py``).
Delete when ``MMSegInferencer.visualize`` turns arrays into RGB, as it turns files.
"""

import importlib
import sys
from typing import Any

from mmengine.infer import BaseInferencer

from .checked_weights import check_init_model
from .det_inferencer import draw_arrays_as_bgr, draws_bgr

MODULE = 'mmseg.apis.mmseg_inferencer'


def correct(inferencer_class: Any) -> None:
    """Let mmseg's inferencer hand arrays to the visualizer as RGB."""
    if inferencer_class.__module__ == MODULE and draws_bgr(inferencer_class):
        draw_arrays_as_bgr(inferencer_class)
        check_init_model(importlib.import_module('mmseg.apis.inference'))


def apply() -> None:
    """Wrap the inferencer as soon as it is defined: to import it here would take a second."""
    if MODULE in sys.modules:
        correct(sys.modules[MODULE].MMSegInferencer)
        return

    def correct_subclass(cls: Any, **kwargs: Any) -> None:
        super(BaseInferencer, cls).__init_subclass__(**kwargs)
        correct(cls)

    BaseInferencer.__init_subclass__ = classmethod(correct_subclass)
