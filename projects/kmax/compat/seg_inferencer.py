"""mmseg's inferencer draws on arrays, which it reads as BGR, as if they were RGB.

It also takes what is no image, as mmdet's does, and so does ``inference_model``, which with an
array changes the model's config, so that no file can be read afterwards.

Upstream: https://github.com/open-mmlab/mmsegmentation (``mmseg/apis/mmseg_inferencer.py``,
``mmseg/apis/utils.py``).
Delete when ``MMSegInferencer.visualize`` turns arrays into RGB, as it turns files, and both check
what they are given and copy the config before they change it.
"""

import copy
import importlib
import sys
from functools import wraps
from types import SimpleNamespace
from typing import Any

from mmengine.infer import BaseInferencer

from .checked_weights import check_init_model
from .det_inferencer import draw_arrays_as_bgr, draws_bgr
from .image_inputs import as_image, check_inputs
from .rebind import rebind

MODULE = 'mmseg.apis.mmseg_inferencer'
UTILS = 'mmseg.apis.utils'


def correct(inferencer_class: Any) -> None:
    """Let mmseg's API check images, and its inferencer hand arrays to the visualizer as RGB."""
    if inferencer_class.__module__ != MODULE:
        return
    if draws_bgr(inferencer_class):
        draw_arrays_as_bgr(inferencer_class)
    check_init_model(importlib.import_module('mmseg.apis.inference'))
    if not hasattr(inferencer_class._inputs_to_list, '__wrapped__'):
        check_inputs(inferencer_class)
    # Imported by then: what the package imports first.
    if UTILS in sys.modules:
        check_images_of_segmentor(sys.modules[UTILS])


def check_images_of_segmentor(utils: Any) -> None:
    """Let ``inference_model`` bring images to one form, and leave the model's config alone."""
    prepare_data = utils._preprare_data
    if hasattr(prepare_data, '__wrapped__'):
        return

    @wraps(prepare_data)
    def prepare_images(imgs: Any, model: Any) -> Any:
        several = isinstance(imgs, list | tuple)
        images = [as_image(image) for image in imgs] if several else as_image(imgs)
        return prepare_data(images, SimpleNamespace(cfg=copy.deepcopy(model.cfg)))

    rebind('mmseg', '_preprare_data', prepare_data, prepare_images)


def apply() -> None:
    """Wrap the inferencer as soon as it is defined: to import it here would take a second."""
    if MODULE in sys.modules:
        correct(sys.modules[MODULE].MMSegInferencer)
        return

    def correct_subclass(cls: Any, **kwargs: Any) -> None:
        super(BaseInferencer, cls).__init_subclass__(**kwargs)
        correct(cls)

    BaseInferencer.__init_subclass__ = classmethod(correct_subclass)
