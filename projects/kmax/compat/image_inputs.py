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
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmengine.fileio import get_file_backend
from PIL import Image, ImageOps

from ..panoptic.local_files import check_image
from ..runtime.values import check_number
from .rebind import rebind

UNREADABLE: ContextVar[dict[int, str] | None] = ContextVar('UNREADABLE', default=None)
"""Messages by position of the images that the present call of an inferencer could not read."""


def as_image(value: Any) -> Any:
    """Return a path or URL as a string, and any other image as a BGR array ``(h, w, 3)``.

    Raises:
        TypeError: For what is no image, or an array of another type.
        ValueError: For an array of another shape or range, or bytes that hold no image.
    """
    if isinstance(value, str):
        return _check_place(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decode(bytes(value))
    if isinstance(value, Image.Image):
        return _from_pil(value)
    if isinstance(value, np.ndarray):
        return _three_channels(_check_levels(value))
    raise TypeError(
        f'an image of type {type(value).__name__} cannot be read: give a path, a BGR array '
        '(h, w, 3) of uint8, a PIL image, the bytes of an image file, or a list of these'
    )


def _check_place(path: str) -> str:
    """Refuse the URL of a kind that mmengine knows no way to read."""
    if '://' in path:
        try:
            get_file_backend(path)
        except KeyError as error:
            raise ValueError(f'{path} cannot be read: {error.args[0]} is no known place') from error
    return path


def as_input(value: Any) -> Any:
    """Do as :func:`as_image`; what mmdet's inferencer takes beside it is a dict with an image."""
    if not isinstance(value, dict):
        return as_image(value)
    name = next((name for name in ('img', 'img_path') if name in value), None)
    if name is None:
        raise TypeError(f"a dict of {', '.join(map(repr, value))} is no image: it needs 'img_path'")
    return {**value, name: as_image(value[name])}


def _decode(content: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise ValueError(f'{len(content)} bytes were given, which are no image that can be decoded')
    return image


def _from_pil(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(('I', 'F')):
        raise TypeError(
            f'a PIL image of mode {image.mode} has more than 8 bits per channel: bring its levels '
            'to 0 ... 255 and convert it to mode RGB'
        )
    # As OpenCV reads a file: turned upright, without transparency.
    upright = ImageOps.exif_transpose(image).convert('RGB')
    return _three_channels(_check_levels(np.ascontiguousarray(np.asarray(upright)[..., ::-1])))


def _check_levels(image: np.ndarray) -> np.ndarray:
    """Return an array of levels 0 ... 255, uint8 or float32."""
    if image.size == 0:
        raise ValueError(f'an array of shape {image.shape} is empty: it holds no image')
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind != 'f':
        raise TypeError(
            f'an array of type {image.dtype} is no image: bring its levels to 0 ... 255 and '
            'convert it to uint8'
        )
    low, high = float(image.min()), float(image.max())
    # Black is black by any scale.
    if not (low >= 0 and (high == 0 or 1 < high <= 255)):
        raise ValueError(
            f'an array of type {image.dtype} has levels {low:g} ... {high:g}, expected are 0 ... '
            '255: bring them to that range and convert it to uint8'
        )
    return image.astype(np.float32, copy=False)


def _three_channels(image: np.ndarray) -> np.ndarray:
    """Return BGR of grey ``(h, w)`` or ``(h, w, 1)``, BGR ``(h, w, 3)`` or BGRA ``(h, w, 4)``."""
    if image.ndim == 2:
        image = image[..., None]
    channels = image.shape[2] if image.ndim == 3 else None
    if channels == 1:
        return np.repeat(image, 3, axis=2)
    if channels == 3:
        return image
    if channels == 4:
        return np.ascontiguousarray(image[..., :3])
    raise ValueError(
        f'an array of shape {image.shape} is no image: expected (height, width), or (height, '
        'width, channels) with 1 channel, 3 channels (BGR) or 4 channels (BGRA)'
    )


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
        yield [(_name(image), data) for image, data in chunk]


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


def in_chunks(items: Iterable, size: int) -> Iterator[list]:
    """Yield lists of as many items; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _name(image: Any) -> Any:
    return image.get('img', image.get('img_path')) if isinstance(image, dict) else image


def read(pipeline: Any, image: Any) -> Any:
    """Let a pipeline read an image; an OSError names one that cannot be read."""
    name = _name(image)
    try:
        if isinstance(name, str):
            check_image(name)
        return pipeline(image)
    # mmcv answers an unreadable file with an assertion, OpenCV an empty one with its own error.
    except (OSError, AssertionError, cv2.error) as error:
        described = name if isinstance(name, str) else 'the array'
        reason = str(error).strip() or type(error).__name__
        raise OSError(f'{described} cannot be read as an image: {reason}') from error


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
