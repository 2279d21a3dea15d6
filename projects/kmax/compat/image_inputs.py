"""OpenMMLab's inference APIs take what is no image, and depend on the resize to mend or break it.

Grey and four-channel arrays pass where they happen to be resized and end deep in numpy or torch
where not; 16-bit levels and fractions are taken for levels 0 ... 255; paths, PIL images and encoded
bytes are refused without a word. One unreadable image ends ``DetInferencer`` for a whole folder,
and ``inference_detector`` with an array changes the model's config, so that no file can be read
afterwards.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/apis/det_inferencer.py``,
``mmdet/apis/inference.py``), https://github.com/open-mmlab/mmengine (``mmengine/infer/infer.py``).
Delete when these check what they are given, go on after an image that cannot be read, and copy the
config before they change it.
"""

import copy
import importlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from typing import Any

from mmengine.dataset import Compose

from ..datasets.given_images import as_image, as_input, in_chunks, name_of, read
from ..runtime.values import check_number
from .rebind import rebind

UNREADABLE: ContextVar[dict[int, str] | None] = ContextVar('UNREADABLE', default=None)
"""Messages by position of the images that the present call of an inferencer could not read."""


def check_inputs(inferencer_class: Any) -> None:
    """Let an inferencer bring all it is given to one form before it reads anything."""
    inputs_to_list = inferencer_class._inputs_to_list

    @wraps(inputs_to_list)
    def checked_inputs_to_list(self: Any, inputs: Any) -> list:
        if isinstance(inputs, list | tuple):
            inputs = [as_input(image) for image in inputs]
        else:
            inputs = as_input(inputs)
        images = inputs_to_list(self, inputs)
        if not images and isinstance(inputs, str):
            raise FileNotFoundError(f'folder {inputs} holds no image')
        return images

    inferencer_class._inputs_to_list = checked_inputs_to_list


def read_in_chunks(self: Any, inputs: Iterable, chunk_size: int) -> Iterator[list]:
    """Read images in the chunks of an inferencer; note those that cannot be read, and go on."""
    for chunk in in_chunks(readable(self.pipeline, inputs), chunk_size):
        yield [(name_of(image), data) for image, data in chunk]


def readable(pipeline: Any, inputs: Iterable) -> Iterator[tuple[Any, Any]]:
    """Yield each image that can be read with what a pipeline makes of it; note the others."""
    unreadable = UNREADABLE.get()
    for index, image in enumerate(inputs):
        given = copy.deepcopy(image) if isinstance(image, dict) else image
        try:
            data = read(pipeline, given)
        except OSError as error:
            if unreadable is None:
                raise
            unreadable[index] = str(error)
        else:
            yield image, data


@contextmanager
def noting_unreadable() -> Iterator[dict[int, str]]:
    """Give the messages, by position, of the images that a call in the block could not read."""
    unreadable: dict[int, str] = {}
    token = UNREADABLE.set(unreadable)
    try:
        yield unreadable
    finally:
        UNREADABLE.reset(token)


def put_errors(unreadable: dict[int, str], predictions: list, pictures: list | None) -> None:
    """Put an entry ``error`` in the place of each image that could not be read, and warn.

    Raises:
        OSError: The first error, where no image could be read.
    """
    if unreadable and not predictions:
        raise OSError(next(iter(unreadable.values())))
    for index, message in unreadable.items():
        warnings.warn(f'{message}: it has no prediction', stacklevel=3)
        predictions.insert(index, {'error': message})
        if pictures:
            pictures.insert(index, None)


def go_on_after_unreadable(inferencer_class: Any) -> None:
    """Let an inferencer return the results of the images that can be read.

    The others have an entry ``error`` in their place. Where none can be read, the first error is
    raised.
    """
    call = inferencer_class.__call__
    parameters = signature(call)

    @wraps(call)
    def call_for_readable(*args: Any, **kwargs: Any) -> dict:
        check_options(parameters.bind(*args, **kwargs).arguments)
        with noting_unreadable() as unreadable:
            results = call(*args, **kwargs)
        put_errors(unreadable, results['predictions'], results['visualization'])
        return results

    inferencer_class.__call__ = call_for_readable
    inferencer_class._get_chunk_data = read_in_chunks


def check_options(given: Mapping[str, Any]) -> None:
    """Raise a ValueError or TypeError for options of a call of an inferencer that make no sense."""
    check_number('batch_size', given.get('batch_size', 1), 1, whole=True)
    check_number('pred_score_thr', given.get('pred_score_thr', 0), 0, 1)
    check_number('wait_time', given.get('wait_time', 0), 0)
    for name in ('out_dir', 'img_out_dir', 'pred_out_dir'):
        folder = given.get(name, '')
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f'{name} is {folder!r}, but must be the path of a folder')
        if folder and Path(folder).exists() and not Path(folder).is_dir():
            raise ValueError(f'{name} is {folder}, which is a file: give the path of a folder')


def check_images_of_detector(apis: Any) -> None:
    """Let ``inference_detector`` bring images to one form, and leave the model's config alone."""
    inference_detector = apis.inference_detector

    @wraps(inference_detector)
    def inference_detector_of_images(
        model: Any, imgs: Any, test_pipeline: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        several = isinstance(imgs, list | tuple)
        images = [as_image(image) for image in (imgs if several else [imgs])]
        if several and not images:
            return []
        pipeline = test_pipeline or pipeline_for_images(model.cfg)
        return inference_detector(
            model, images if several else images[0], partial(read, pipeline), *args, **kwargs
        )

    rebind('mmdet', 'inference_detector', inference_detector, inference_detector_of_images)


def pipeline_for_images(cfg: Any) -> Compose:
    """Build the test pipeline of a config so that it takes arrays as well as files."""
    steps = copy.deepcopy(importlib.import_module('mmdet.utils').get_test_pipeline_cfg(cfg))
    if 'LoadImageFromFile' in str(steps[0]['type']):
        steps[0]['type'] = 'mmdet.InferencerLoader'
    return Compose(steps)


def apply() -> None:
    """Wrap the functions concerned."""
    apis = importlib.import_module('mmdet.apis')
    check_inputs(apis.DetInferencer)
    go_on_after_unreadable(apis.DetInferencer)
    check_images_of_detector(apis)
