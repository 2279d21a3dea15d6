"""Procedural scenes as training data for benchmarks, and annotation files of any length."""

import json
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config

from projects.kmax.commands.shapes import draw_split

ANN_FILE = 'panoptic_train.json'


def draw_scenes(folder: Path, size: tuple[int, int], count: int) -> None:
    """Draw scenes of ``(width, height)`` in a folder that exists, laid out as for training."""
    draw_split(folder, 'train', {'seed': 0, 'size': list(size), 'train': count}, workers=1)


def repeat_annotations(folder: Path, count: int) -> Path:
    """Write an annotation file of ``count`` images that share the files of a few; return it."""
    content = json.loads((folder / ANN_FILE).read_text())
    for name, field in (('images', 'id'), ('annotations', 'image_id')):
        records = content[name]
        content[name] = [{**records[i % len(records)], field: i + 1} for i in range(count)]
    path = folder / f'panoptic_{count}.json'
    path.write_text(json.dumps(content))
    return path


def build_dataset(
    config: Path, folder: Path, ann_file: str = ANN_FILE, crop_size: int | None = None
) -> Any:
    """Build a data set with a config's training pipeline; ``crop_size`` is the side of samples."""
    pipeline = Config.fromfile(config).train_dataloader.dataset.pipeline
    if crop_size is not None:
        _set_crop_size(pipeline, (crop_size, crop_size))
    return DATASETS.build(
        {
            'type': 'KMaXPanopticDataset',
            'data_root': str(folder),
            'ann_file': ann_file,
            'data_prefix': {'img': 'train', 'seg': 'panoptic_train'},
            'pipeline': pipeline,
        }
    )


def _set_crop_size(pipeline: list[dict], size: tuple[int, int]) -> None:
    for step in pipeline:
        if 'crop_size' in step:
            step['crop_size'] = size
        _set_crop_size(step.get('source_pipeline', []), size)
