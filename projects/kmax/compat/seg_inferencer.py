"""mmseg's inferencer draws on arrays, which it reads as BGR, as if they were RGB.

It also takes what is no image, as mmdet's does, and so does ``inference_model``, which with an
array changes the model's config, so that no file can be read afterwards. One unreadable image ends
the inferencer for a whole folder, and images of one name in several folders share one picture.

Upstream: https://github.com/open-mmlab/mmsegmentation (``mmseg/apis/mmseg_inferencer.py``,
``mmseg/apis/utils.py``).
Delete when ``MMSegInferencer.visualize`` turns arrays into RGB, as it turns files, both check
what they are given and copy the config before they change it, and the inferencer goes on after an
unreadable image and names its pictures apart.
"""

import copy
import importlib
from functools import partial, wraps
from inspect import signature
from types import SimpleNamespace
from typing import Any

from ..datasets.given_images import as_image, in_chunks, read
from .checked_weights import check_init_model
from .det_inferencer import draw_arrays_as_bgr, draws_bgr
from .image_inputs import (
    UNREADABLE,
    check_inputs,
    check_options,
    noting_unreadable,
    put_errors,
    readable,
)
from .inferencer_files import draw_whole, predict_whole
from .rebind import rebind


def correct(inferencer_class: Any) -> None:
    """Let mmseg's inferencer check images, and hand arrays to the visualizer as RGB."""
    if draws_bgr(inferencer_class):
        draw_arrays_as_bgr(inferencer_class)
    check_init_model(importlib.import_module('mmseg.apis.inference'))
    if not hasattr(inferencer_class._inputs_to_list, '__wrapped__'):
        check_inputs(inferencer_class)
        draw_whole(inferencer_class, '')
        predict_whole(inferencer_class)
        go_on_after_unreadable(inferencer_class)


def go_on_after_unreadable(inferencer_class: Any) -> None:
    """Let mmseg's inferencer return the results of the images that can be read.

    As it draws all images of a call at once, it is given those alone.
    """
    call, visualize = inferencer_class.__call__, inferencer_class.visualize
    parameters = signature(call)

    @wraps(call)
    def call_for_readable(*args: Any, **kwargs: Any) -> Any:
        check_options(parameters.bind(*args, **kwargs).arguments)
        with noting_unreadable() as unreadable:
            results = call(*args, **kwargs)
        return _with_errors(results, unreadable) if unreadable else results

    @wraps(visualize)
    def visualize_readable(self: Any, inputs: list, *args: Any, **kwargs: Any) -> Any:
        unreadable = UNREADABLE.get() or {}
        kept = [image for index, image in enumerate(inputs) if index not in unreadable]
        if inputs and not kept:
            put_errors(unreadable, [], None)
        return visualize(self, kept, *args, **kwargs)

    def preprocess(self: Any, inputs: list, batch_size: int = 1, **kwargs: Any) -> Any:
        data = (data for _, data in readable(self.pipeline, inputs))
        return map(self.collate_fn, in_chunks(data, batch_size))

    inferencer_class.__call__ = call_for_readable
    inferencer_class.visualize = visualize_readable
    inferencer_class.preprocess = preprocess


def _with_errors(results: Any, unreadable: dict[int, str]) -> Any:
    """Put errors among results, which are no list where one image could be read."""
    if not isinstance(results, dict):
        samples = results if isinstance(results, list) else [results]
        put_errors(unreadable, samples, None)
        return samples
    predictions, pictures = (
        value if isinstance(value, list) else [value]
        for value in (results['predictions'], results['visualization'])
    )
    put_errors(unreadable, predictions, pictures)
    return results | dict(predictions=predictions, visualization=pictures)


def check_images_of_segmentor(utils: Any) -> None:
    """Let ``inference_model`` bring images to one form, and leave the model's config alone."""
    prepare_data = utils._preprare_data
    if hasattr(prepare_data, '__wrapped__'):
        return

    @wraps(prepare_data)
    def prepare_images(imgs: Any, model: Any) -> Any:
        several = isinstance(imgs, list | tuple)
        data: dict[str, list] = {}
        # Apart: mmseg reads all as it reads the first, as files or as arrays.
        for image in [as_image(image) for image in (imgs if several else [imgs])]:
            for name, values in read(partial(_prepare, prepare_data, model), image).items():
                data.setdefault(name, []).extend(values)
        if not data:
            raise ValueError('the list of images is empty: give an image')
        return data, several

    rebind('mmseg', '_preprare_data', prepare_data, prepare_images)


def _prepare(prepare_data: Any, model: Any, image: Any) -> dict[str, list]:
    return prepare_data(image, SimpleNamespace(cfg=copy.deepcopy(model.cfg)))[0]


def apply() -> None:
    """Wrap the functions concerned."""
    correct(importlib.import_module('mmseg.apis').MMSegInferencer)
    check_images_of_segmentor(importlib.import_module('mmseg.apis.utils'))
