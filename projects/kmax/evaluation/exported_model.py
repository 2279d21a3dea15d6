"""An exported file in place of the model that is evaluated."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmdet.evaluation import CocoPanopticMetric
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.structures import PixelData
from torch import nn

from kmax_deeplab.runtime import PanopticModel

from .destinations import as_list, find_metrics
from .panoptic_metric import KMaXPanopticMetric
from .pipeline_metric import KMaXPipelinePanopticMetric

OF_SEGMENTS = (KMaXPanopticMetric, KMaXPipelinePanopticMetric, CocoPanopticMetric)
"""Metrics that need no predictions but panoptic ones."""


@MODELS.register_module()
class ExportedModel(nn.Module):
    """Predicts the images of a data set with an exported file, from the file of the image on.

    What the pipeline of the data set resizes is not used: the file's own way is evaluated, whatever
    the config does.

    Args:
        file: The ONNX file.
        **options: Those of :class:`~kmax_deeplab.runtime.PanopticModel`.
    """

    def __init__(self, file: str, **options: Any) -> None:
        super().__init__()
        self.model = PanopticModel(file, **options)

    def forward(self, data: dict) -> list[DetDataSample]:
        """Add ``pred_panoptic_seg`` to each sample of a batch.

        Its fields are ``sem_seg``, and the score of its segment at each pixel as
        ``instance_scores`` beside ``semantic_scores`` of 1, ``(1, H, W)`` each.
        """
        for sample in data['data_samples']:
            observed = self.model.observe(sample.img_path)
            panoptic, scores = observed.panoptic, observed.scores
            values, place = np.unique(panoptic, return_inverse=True)
            table = np.array([scores.get(value, 0) for value in values.tolist()], np.float32)
            score = torch.from_numpy(table[place.reshape(1, *panoptic.shape)])
            sample.pred_panoptic_seg = PixelData(
                sem_seg=torch.from_numpy(panoptic[None]),
                instance_scores=score,
                semantic_scores=torch.ones_like(score),
            )
        return data['data_samples']

    test_step = val_step = forward


class CheckExportedClassesHook(Hook):
    """Refuses an exported file whose classes are not those of the test data, in their order."""

    def before_test(self, runner: Any) -> None:
        """Compare the names, and which of them are things."""
        dataset, model = runner.test_loop.dataloader.dataset, runner.model.model
        expected = list(dataset.metainfo['classes'])
        things = len(dataset.metainfo.get('thing_classes', expected[: model.classes.num_things]))
        if expected != list(model.classes.names) or things != model.classes.num_things:
            source = getattr(dataset, 'ann_file', type(dataset).__name__)
            raise ValueError(
                f'{model.file} has the classes {_list(model.classes.names)}, but {source} has '
                f'{_list(expected)}: give the config of the data that the model was trained on'
            )


def _list(names: Sequence[str], most: int = 8) -> str:
    shown = ', '.join(names[:most])
    return f'{shown} and {len(names) - most} more' if len(names) > most else shown


def evaluate_exported(cfg: Config, file: str, **options: Any) -> None:
    """Make a config evaluate an exported file, by those of its metrics that need only segments.

    Args:
        cfg: The config, which is changed.
        file: The ONNX file.
        **options: Those of :class:`~kmax_deeplab.runtime.PanopticModel`.

    Raises:
        ValueError: If no metric is left.
    """
    configs = as_list(cfg.test_evaluator)
    metrics = find_metrics(configs, cfg.get('default_scope') or 'mmengine')
    is_kept = [metric is not None and issubclass(metric, OF_SEGMENTS) for metric in metrics]
    left_out = [c['type'] for c, kept in zip(configs, is_kept, strict=True) if not kept]
    if all(not kept for kept in is_kept):
        raise ValueError(
            f'an exported file gives panoptic segments, which none of test_evaluator {left_out} '
            'compares: use KMaXPanopticMetric'
        )
    if left_out:
        print_log(f'{left_out} left out: an exported file gives only segments', logger='current')
    cfg.test_evaluator = [c for c, kept in zip(configs, is_kept, strict=True) if kept]
    cfg.model = dict(type='mmdet.ExportedModel', file=file, **options)
    cfg.load_from = None
