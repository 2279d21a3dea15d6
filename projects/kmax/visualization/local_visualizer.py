"""The visualizer of training, testing and inference."""

from pathlib import Path
from typing import Any

import numpy as np
from mmdet.registry import VISUALIZERS
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmdet.visualization.palette import get_palette
from mmengine.structures import PixelData

from kmax_deeplab.atomic_file import write_staged
from kmax_deeplab.paths import refuse_replacing
from kmax_deeplab.pictures.drawing import draw_segments, enlarge
from kmax_deeplab.pictures.segments import Segments

from .samples import annotated_segments, to_numpy


@VISUALIZERS.register_module()
class KMaXVisualizer(DetLocalVisualizer):
    """Draws panoptic, semantic and instance results.

    Where a sample holds a panoptic result, this is drawn and nothing over it, and small images are
    enlarged to make the names readable. Void keeps the pixels of the image, also where there is
    nothing else, at which upstream fails (``mmdet/visualization/local_visualizer.py``).
    Takes the arguments of :class:`mmdet.visualization.DetLocalVisualizer`.
    """

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DetDataSample | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Draw a sample and hand it to the backends, a window or a file, as upstream does.

        The file appears whole or not at all. A ValueError says that it is the image itself.
        """
        if data_sample is not None:
            num_classes = len(self.dataset_meta.get('classes') or ())
            data_sample = _drawable(data_sample.cpu(), num_classes)
            if 'pred_panoptic_seg' in data_sample or 'gt_panoptic_seg' in data_sample:
                image = enlarge(np.clip(image, 0, 255).astype(np.uint8))
        out_file = kwargs.pop('out_file', None)
        if out_file is None:
            super().add_datasample(name, image, data_sample, *args, **kwargs)
            return
        if data_sample is not None:
            refuse_replacing([Path(out_file)], [data_sample.get('img_path') or ''])
        with write_staged(Path(out_file)) as staged:
            kwargs['out_file'] = str(staged)
            super().add_datasample(name, image, data_sample, *args, **kwargs)

    def _draw_panoptic_seg(
        self,
        image: np.ndarray,
        pixels: PixelData,
        classes: list[str] | None,
        palette: list[tuple] | str | None,
    ) -> np.ndarray:
        if not classes:
            raise ValueError(
                "the visualizer's dataset_meta names no classes; set it before drawing"
            )
        segments = Segments.from_panoptic(to_numpy(pixels.sem_seg)[0], len(classes))
        return draw_segments(image, segments, classes, get_palette(palette, len(classes)))

    _draw_sem_seg = _draw_panoptic_seg


def _drawable(sample: DetDataSample, num_classes: int) -> DetDataSample:
    """Copy what is to be drawn of a sample: its panoptic maps alone where it has any."""
    drawable = DetDataSample(metainfo=sample.metainfo)
    for side in ('gt', 'pred'):
        panoptic = f'{side}_panoptic_seg' in sample
        for kind in ('panoptic_seg',) if panoptic else ('instances', 'sem_seg'):
            if (field := f'{side}_{kind}') in sample:
                setattr(drawable, field, getattr(sample, field))
    if 'gt_segments' in sample and 'gt_panoptic_seg' in sample:
        panoptic_map = annotated_segments(sample).to_panoptic(num_classes)
        drawable.gt_panoptic_seg = PixelData(sem_seg=panoptic_map[None])
    return drawable
