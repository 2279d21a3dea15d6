"""How images become inputs of the network: what a file has to say of a config's test pipeline."""

from collections.abc import Callable, Sequence
from typing import Any

from mmdet.registry import MODELS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config

from ..engine.model_cost import input_size
from ..models import KMaXDeepLab

IGNORED = ('LoadPanopticIds', 'LoadAnnotations', 'LoadPanopticAnnotations')
PACKING = ('PackKMaXInputs', 'PackDetInputs')


def bring_to_size(config: Config, size: tuple[int, int] | None) -> tuple[int, int]:
    """Make a config's model and test pipeline take inputs of one size, and return it.

    Args:
        config: Of a whole model; is changed.
        size: ``(H, W)``; by default what test images are padded to.

    Raises:
        ValueError: If the config is of another model, names no size and none is given, or its
            images are not padded as the graph expects it.
    """
    kind = MODELS.get(config.model['type'])
    if kind is not None and not issubclass(kind, KMaXDeepLab):
        raise ValueError(
            f'{config.filename} is the config of {kind.__name__}, which is not exported: give one '
            'of KMaXDeepLab'
        )
    preprocessor = config.model.data_preprocessor
    if preprocessor['type'].rpartition('.')[2] != 'KMaXDataPreprocessor':
        raise ValueError(
            f'{config.filename} normalises by {preprocessor["type"]}, but an exported file does as '
            'KMaXDataPreprocessor does: set model.data_preprocessor.type'
        )
    chosen = size or input_size(config)
    preprocessor['pad_size'] = list(chosen)
    if size is not None:
        for step in get_test_pipeline_cfg(config):
            if _kind(step) == 'KMaXResize':
                step['crop_size'] = chosen
            elif _kind(step) == 'Resize':
                step['scale'] = chosen[::-1]
    return chosen


def describe_pipeline(config: Config) -> dict[str, Any]:
    """Return how an image is decoded and resized, as ``decoder`` and ``resize`` of the metadata.

    Raises:
        ValueError: If the test pipeline does something else.
    """
    described: dict[str, Any] = dict(decoder='cv2', resize=dict(rule='none'))
    for step in get_test_pipeline_cfg(config):
        kind = _kind(step)
        if kind in ('LoadImageFromFile', 'InferencerLoader'):
            described['decoder'] = step.get('imdecode_backend', 'cv2')
        elif kind in _DESCRIBE and described['resize']['rule'] == 'none':
            described['resize'] = _DESCRIBE[kind](step)
        elif kind not in (*IGNORED, *PACKING):
            raise ValueError(
                f'the test pipeline of {config.filename} has a step {kind}, which an exported file '
                'cannot tell those who run it: leave it out'
            )
    return described


def has_fractions(described: dict[str, Any]) -> bool:
    """Tell whether levels of resized images are fractions, which a file must then be given.

    Rounded to 8 bits they would be other images than those that the network was trained on.
    """
    return described['resize']['rule'] == 'aligned'


def fills_longer_side(resize: dict[str, Any], size: Sequence[int]) -> bool:
    """Tell whether a rule of :func:`describe_pipeline` makes every image as long as the input."""
    square = len(set(size)) == 1
    fitted = resize['rule'] in ('fit', 'aligned') and resize['keep_ratio']
    return square and fitted and list(resize['size']) == list(size)


def _kind(step: dict) -> str:
    return step['type'].rpartition('.')[2]


def _aligned(step: dict) -> dict[str, Any]:
    return dict(
        rule='aligned',
        backend='cv2',
        interpolation='bilinear',
        keep_ratio=True,
        size=list(step['crop_size']),
    )


def _fit(step: dict) -> dict[str, Any]:
    if step.get('scale') is None:
        raise ValueError('Resize of the test pipeline has no scale: give one, (width, height)')
    return dict(
        rule='fit',
        backend=step.get('backend', 'cv2'),
        interpolation=step.get('interpolation', 'bilinear'),
        keep_ratio=step.get('keep_ratio', False),
        size=list(step['scale'])[::-1],
    )


_DESCRIBE: dict[str, Callable[[dict], dict[str, Any]]] = {'KMaXResize': _aligned, 'Resize': _fit}
