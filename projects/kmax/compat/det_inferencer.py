"""mmdet's inference API takes every model without named classes for one of the 80 COCO classes.

Without a checkpoint, or with one that does not name its classes, ``DetInferencer`` and
``init_detector`` assume those of COCO, not of the config: names are wrong, and void,
told by the number of classes, becomes a class. ``DetInferencer`` also draws on arrays, which it
reads as BGR, as if they were RGB, and cannot save what it predicts for them: their path is None.
By name it knows the models of mmdet alone; here also those that this package publishes.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/apis/det_inferencer.py``,
``mmdet/apis/inference.py``).
Delete when both take the classes from the config, and ``DetInferencer`` handles arrays and asks
other packages for names.
"""

import copy
import importlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..classes import numbered_classes
from .rebind import rebind

GUESSES = re.compile('use COCO classes by default|palette does not exist, random is used')

OURS = 'kmax_'
"""Start of the names of this package's models; no other package has such."""


def correct_classes(model: Any, cfg: Any) -> None:
    """Where a model was given COCO's classes, give it the metainfo of its config's data set.

    A panoptic head whose classes that metainfo does not tell gets numbered ones.
    """
    coco = importlib.import_module('mmdet.evaluation').get_classes('coco')
    if list(model.dataset_meta['classes']) != list(coco):
        return
    metainfo = read_metainfo(cfg.test_dataloader.dataset)
    num_classes = getattr(getattr(model, 'panoptic_head', None), 'num_classes', None)
    if num_classes is not None and len(metainfo.get('classes', ())) != num_classes:
        warnings.warn(
            f'neither the checkpoint nor {cfg.test_dataloader.dataset.get("ann_file")} names the '
            f'{num_classes} classes of the model: they are called "class 0", "class 1", ...',
            stacklevel=2,
        )
        metainfo = numbered_classes(num_classes)
    if 'classes' in metainfo:
        palette = model.dataset_meta['palette']
        # One that was asked for comes before that of the data.
        given = {} if palette == 'random' else {'palette': palette}
        model.dataset_meta = {'palette': palette, **metainfo, **given}


def check_palette(meta: Any) -> None:
    """Raise a ValueError for a palette with which nothing could be drawn."""
    palette, count = meta.get('palette'), len(meta['classes'])
    try:
        importlib.import_module('mmdet.visualization.palette').get_palette(palette, count)
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f'palette is {palette!r:.80}, but must be the name of one, such as "coco" or "random", '
            f'or a colour for each of the {count} classes'
        ) from error


@contextmanager
def hidden_guesses() -> Iterator[None]:
    """Leave out what mmdet warns of classes and colours, which are corrected afterwards."""
    # mmdet puts a filter of its own before any other.
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in caught:
        if not GUESSES.search(str(warning.message)):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def read_metainfo(dataset_cfg: Any) -> dict:
    """Return the metainfo of a data set, which may stand in its annotation file only."""
    dataset_cfg = copy.deepcopy(dataset_cfg)
    dataset_cfg['lazy_init'] = True
    dataset = importlib.import_module('mmdet.registry').DATASETS.build(dataset_cfg)
    if 'classes' not in dataset.metainfo:
        with suppress(OSError):
            dataset.full_init()
    return dataset.metainfo


def draws_bgr(inferencer_class: Any) -> bool:
    """Tell whether an inferencer hands an array to the visualizer as it came.

    One that asks more of its visualizer than this test provides is left as it is.
    """
    drawn: list[np.ndarray] = []
    visualizer = SimpleNamespace(
        add_datasample=lambda name, image, *args, **kwargs: drawn.append(image),
        get_image=lambda: None,
        set_dataset_meta=lambda: None,
    )
    inferencer = SimpleNamespace(
        visualizer=visualizer, num_visualized_imgs=0, model=SimpleNamespace(dataset_meta={})
    )
    blue = np.array([[[255, 0, 0]]], dtype=np.uint8)
    with suppress(AttributeError, TypeError):
        inferencer_class.visualize(inferencer, [blue], [None], return_vis=True)
    return bool(drawn) and bool(drawn[0][0, 0, 0] == 255)


def name_classes(apis: Any) -> None:
    """Let both ways to load a model fall back on the classes of its config."""
    init_detector = apis.init_detector
    load_weights = apis.DetInferencer._load_weights_to_model

    @wraps(init_detector)
    def init_detector_with_classes(*args: Any, **kwargs: Any) -> Any:
        with hidden_guesses():
            model = init_detector(*args, **kwargs)
        correct_classes(model, model.cfg)
        check_palette(model.dataset_meta)
        return model

    @wraps(load_weights)
    def load_weights_with_classes(self: Any, model: Any, checkpoint: Any, cfg: Any) -> None:
        with hidden_guesses():
            load_weights(self, model, checkpoint, cfg)
        correct_classes(model, cfg)
        check_palette(model.dataset_meta)

    rebind('mmdet', 'init_detector', init_detector, init_detector_with_classes)
    apis.DetInferencer._load_weights_to_model = load_weights_with_classes


def take_our_names(inferencer_class: Any) -> None:
    """Let an inferencer take names of published models, whose weights are downloaded once.

    Where weights are given, only the config is taken.
    """
    initialise = inferencer_class.__init__
    parameters = signature(initialise)

    @wraps(initialise)
    def initialise_by_name(*args: Any, **kwargs: Any) -> None:
        call = parameters.bind(*args, **kwargs)
        name = call.arguments.get('model')
        if isinstance(name, str) and name.startswith(OURS) and not Path(name).is_file():
            # It needs mmdet's registries, which are not to be loaded by an import of this.
            locating = importlib.import_module('..released.locating', __package__)
            located = locating.locate_model(name, call.arguments.get('weights'))
            call.arguments['model'], call.arguments['weights'] = located
        initialise(*call.args, **call.kwargs)

    inferencer_class.__init__ = initialise_by_name


def draw_arrays_as_bgr(inferencer_class: Any) -> None:
    """Let an inferencer hand arrays to the visualizer as RGB."""
    visualize = inferencer_class.visualize

    @wraps(visualize)
    def visualize_rgb(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        inputs = [x[..., ::-1] if isinstance(x, np.ndarray) else x for x in inputs]
        return visualize(self, inputs, *args, **kwargs)

    inferencer_class.visualize = visualize_rgb


def save_without_path(inferencer_class: Any) -> None:
    """Let an inferencer number the predictions for arrays, as it does where no path is known."""
    pred2dict = inferencer_class.pred2dict

    @wraps(pred2dict)
    def pred2dict_without_path(self: Any, data_sample: Any, *args: Any, **kwargs: Any) -> Any:
        if data_sample.get('img_path', '') is None:
            data_sample = data_sample.new()
            del data_sample.img_path
        return pred2dict(self, data_sample, *args, **kwargs)

    inferencer_class.pred2dict = pred2dict_without_path


def apply() -> None:
    """Wrap the functions concerned."""
    apis = importlib.import_module('mmdet.apis')
    name_classes(apis)
    take_our_names(apis.DetInferencer)
    save_without_path(apis.DetInferencer)
    if draws_bgr(apis.DetInferencer):
        draw_arrays_as_bgr(apis.DetInferencer)
