"""Parts that several configs have in common, built from the few numbers in which they differ.

A config imports them below its ``_base_``, from where mmengine still reads it as text; what they
return is plain, and so is the resolved config. They are here and not in ``projects.kmax`` because
reading a config must load neither torch nor OpenMMLab, and must work where another package called
``projects`` is found first: importing this one mends that.

Sizes are (height, width). Pipelines are written for mmdet; those for mmseg start with ``semantic``.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

__all__ = [
    'add_views',
    'in_mmseg',
    'original_steps',
    'original_test',
    'original_train',
    'own_train',
    'panoptic_files',
    'panoptic_metric',
    'panoptic_train',
    'port_steps',
    'port_test',
    'port_train',
    'semantic_test',
    'semantic_train',
]
Step = dict[str, Any]
Size = tuple[int, int]
Range = tuple[float, float]


def original_steps(
    crop_size: Size,
    scale_range: Range = (0.5, 2.0),
    num_scales: int = 15,
    *,
    resize: bool = True,
    colors: Step | None = None,
    flip: Step | None = None,
) -> list[Step]:
    """Return how the original augments an image: all between loading and packing.

    Args:
        crop_size: Size of the result.
        scale_range: Smallest and largest scale.
        num_scales: How many scales are drawn from, at equal distances.
        resize: Whether images are first brought to ``crop_size``; else they are scaled as they are.
        colors: The change of colours, the original's AutoAugment by default.
        flip: Settings of ``RandomFlip``, every second image to the side by default.
    """
    return [
        *([dict(type='KMaXResize', crop_size=crop_size)] if resize else []),
        dict(type='KMaXRandomScale', scale_range=scale_range, num_scales=num_scales),
        dict(colors or dict(type='KMaXAutoAugment')),
        dict(type='KMaXRandomPadCrop', crop_size=crop_size),
        dict(flip or dict(prob=0.5), type='RandomFlip'),
    ]


def original_train(
    crop_size: Size,
    scale_range: Range = (0.5, 2.0),
    num_scales: int = 15,
    num_pasted_scales: int = 8,
    **options: Any,
) -> list[Step]:
    """Return the original's training pipeline: its augmentation, with copy-paste.

    Args:
        crop_size: Size of the result.
        scale_range: Smallest and largest scale; the images pasted from have half of them.
        num_scales: How many scales are drawn from.
        num_pasted_scales: The same for the images pasted from.
        options: More of :func:`original_steps`, for both images.
    """
    pasted = original_steps(crop_size, _half(scale_range), num_pasted_scales, **options)
    return panoptic_train(
        original_steps(crop_size, scale_range, num_scales, **options),
        dict(type='KMaXPanopticCopyPaste', source_pipeline=_load_panoptic(pasted)),
    )


def original_test(
    crop_size: Size | None = None, *, with_ids: bool = False, with_sem_seg: bool = False
) -> list[Step]:
    """Return the original's test pipeline.

    Args:
        crop_size: Size that images are brought to; by default they stay as they are.
        with_ids: Whether the ground truth is loaded too.
        with_sem_seg: Whether it is, and its classes go to semantic metrics.
    """
    return [
        dict(type='LoadImageFromFile'),
        *([dict(type='KMaXResize', crop_size=crop_size)] if crop_size else []),
        # After the resize: predictions are compared at the original resolution.
        *([dict(type='LoadPanopticIds')] if with_ids or with_sem_seg else []),
        dict(type='PackKMaXInputs', **(dict(with_sem_seg=True) if with_sem_seg else {})),
    ]


def own_train(crop_size: Size) -> list[Step]:
    """Return the training pipeline for one's own data, of which there is mostly little.

    Args:
        crop_size: Size of the result.
    """
    return panoptic_train(
        original_steps(
            crop_size,
            scale_range=(0.5, 1.5),
            num_scales=11,
            colors=dict(type='PhotoMetricDistortion'),
        )
    )


def port_steps(crop_size: Size, scale_range: Range = (0.5, 2.0)) -> list[Step]:
    """Return how the PyTorch port augments an image: all between loading and packing."""
    return [
        dict(type='KMaXResizeScale', target_size=crop_size, scale_range=scale_range),
        dict(type='KMaXColorJitter'),
        # mmdet's sizes are (width, height).
        dict(type='RandomCrop', crop_size=crop_size[::-1], allow_negative_crop=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='KMaXPad', size=crop_size),
    ]


def port_train(
    crop_size: Size, scale_range: Range = (0.5, 2.0), min_pixels: int = 4096, **loading: Any
) -> list[Step]:
    """Return the PyTorch port's training pipeline: its augmentation, with copy-paste.

    Args:
        crop_size: Size of the result.
        scale_range: Smallest and largest scale; the images pasted from have half of them.
        min_pixels: Segments with fewer are left out.
        loading: Settings of ``LoadImageFromFile``.
    """
    pasted = _load_panoptic(port_steps(crop_size, _half(scale_range)), **loading)
    return panoptic_train(
        port_steps(crop_size, scale_range),
        dict(type='KMaXPanopticCopyPaste', draw_from='segments', source_pipeline=pasted),
        dict(type='KMaXFilterLabels', min_pixels=min_pixels),
        **loading,
    )


def port_test(crop_size: Size) -> list[Step]:
    """Return the PyTorch port's test pipeline; images keep their shape within ``crop_size``."""
    return [
        dict(type='LoadImageFromFile', imdecode_backend='pillow'),
        dict(type='Resize', scale=crop_size, keep_ratio=True, backend='pillow'),
        dict(type='PackKMaXInputs'),
    ]


def panoptic_train(steps: Sequence[Step], *more: Step, **loading: Any) -> list[Step]:
    """Return a training pipeline for panoptic data.

    Args:
        steps: The augmentation, such as that of :func:`original_steps`.
        more: What follows it.
        loading: Settings of ``LoadImageFromFile``.
    """
    return [*_load_panoptic(steps, **loading), *more, dict(type='PackKMaXInputs')]


def semantic_train(steps: Sequence[Step]) -> list[Step]:
    """Return a training pipeline for mmseg; without copy-paste, as classes tell no things apart."""
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        *(_in_scope_of_mmseg(step) for step in steps),
        dict(type='PackSegInputs'),
    ]


def semantic_test(crop_size: Size | None = None) -> list[Step]:
    """Return a test pipeline for mmseg; images are brought to ``crop_size``, if there is one."""
    return [
        dict(type='LoadImageFromFile'),
        *([dict(type='mmdet.KMaXResize', crop_size=crop_size)] if crop_size else []),
        # After the resize: predictions are compared at the original resolution.
        dict(type='LoadAnnotations'),
        dict(type='PackSegInputs'),
    ]


def add_views(
    test_pipeline: Sequence[Step], scales: Sequence[float] = (1.0, 0.75, 1.25)
) -> list[Step]:
    """Return the pipeline of test-time augmentation: several scales, each as it is and mirrored.

    Args:
        test_pipeline: It loads, may resize, and goes on from there.
        scales: Of the size that it resizes to, or of the image. The first view sets the resolution
            of the result. Without scales the size is the pipeline's alone.
    """
    load, *rest = deepcopy([*test_pipeline])
    sizes = [rest.pop(0)] if 'Resize' in rest[0]['type'] else []
    if scales and sizes:
        sizes = [_scaled(sizes[0], scale) for scale in scales]
    elif scales:
        sizes = [dict(type='Resize', scale_factor=scale) for scale in scales]
    flips = [dict(type='RandomFlip', prob=prob) for prob in (0.0, 1.0)]
    views = [*([sizes] if sizes else []), flips, *([step] for step in rest)]
    return [load, dict(type='TestTimeAug', transforms=views)]


def panoptic_files(name: str, images: str) -> dict[str, Any]:
    """Return where a data set finds its files.

    Args:
        name: Of the JSON, without ``.json``, and of the folder of PNGs, from ``data_root`` on.
        images: Folder of the images.
    """
    return dict(ann_file=f'{name}.json', data_prefix=dict(img=images, seg=f'{name}/'))


def panoptic_metric(data_root: str, name: str = 'panoptic_val', **options: Any) -> dict[str, Any]:
    """Return the metric that reads the ground truth from the same files.

    Args:
        data_root: Folder of the data, with its slash.
        name: As in :func:`panoptic_files`.
        options: More settings of ``KMaXPanopticMetric``.
    """
    path = data_root + name
    return dict(
        type='KMaXPanopticMetric', ann_file=f'{path}.json', seg_prefix=f'{path}/', **options
    )


def in_mmseg(
    model: Mapping[str, Any], around: Mapping[str, Any], *, num_classes: int, size: Size
) -> dict[str, Any]:
    """Return a model as mmseg builds it; it replaces the one it is made from.

    Args:
        model: One of mmdet, with ``backbone`` and ``panoptic_head``.
        around: Everything else, see ``_base_/models/seg.py``.
        num_classes: Number of classes, in the data set's order.
        size: What images are padded to.
    """
    backbone, head = deepcopy(model['backbone']), deepcopy(model['panoptic_head'])
    for name in ('num_things_classes', 'num_stuff_classes'):
        del head[name]
    padded = dict(around['data_preprocessor'], size=size, test_cfg=dict(size=size))
    return dict(
        around,
        data_preprocessor=padded,
        backbone=dict(backbone, type=f'mmdet.{backbone["type"]}'),
        decode_head=dict(head, type='KMaXSegHead', num_classes=num_classes),
    )


def _half(scale_range: Range) -> Range:
    return (scale_range[0] / 2, scale_range[1] / 2)


def _load_panoptic(steps: Sequence[Step], **loading: Any) -> list[Step]:
    return [dict(type='LoadImageFromFile', **loading), dict(type='LoadPanopticIds'), *steps]


def _in_scope_of_mmseg(step: Step) -> Step:
    """Steps of ours are registered in mmdet; mmseg's own crop counts (height, width)."""
    if step['type'] == 'RandomCrop':
        return dict(type='RandomCrop', crop_size=step['crop_size'][::-1])
    return dict(step, type=f'mmdet.{step["type"]}') if step['type'].startswith('KMaX') else step


def _scaled(resize: Step, scale: float) -> Step:
    """Sides are multiples of a stride and one pixel more, so that corners stay aligned."""
    key = 'scale' if 'scale' in resize else 'crop_size'
    return dict(resize, **{key: tuple(round((x - 1) * scale) + 1 for x in resize[key])})
