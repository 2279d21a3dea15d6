"""What a reader of the pages has in the folder where the commands are run.

The data are procedural shapes, under the names that the pages give to files of a reader's own. The
models are hardly trained: commands shall run, not find much. The weights of the published
ResNet-50 of COCO are random ones, in the place where downloaded ones are kept.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import yaml
from pycocotools import mask as rle

from kmax_deeplab.configs import find_config
from kmax_deeplab.released import find_model

from .plans import CONFIG, ITERATIONS, MODEL

VALUES = {1: 24, 2: 26, 3: 24, 4: 26, 5: 24, 6: 7, 7: 8, 8: 11, 9: 21, 10: 23}
"""What categories of the shapes are in label maps; those up to 5 are things."""

NAMES = {24: 'person', 26: 'car', 7: 'road', 8: 'sidewalk', 11: 'building', 21: 'plants', 23: 'sky'}

MINE = ('car', 'person', 'bicycle', *(f'stuff{number}' for number in range(1, 9)))
"""Classes of data/mine: as many as configs/kmax/_base_/datasets/my_panoptic.py says."""


def provide(root: Path, clone: Path, run: Callable[..., None]) -> None:
    """Fill a folder.

    Args:
        root: The folder; it is not there yet.
        clone: Whose tools and configs are run.
        run: Runs the words of a command in the folder.
    """
    root.mkdir(parents=True)
    for path in clone.iterdir():
        if path.name not in ('data', 'work_dirs') and not path.name.startswith('.'):
            (root / path.name).symlink_to(path)
    run('bash', 'tools/quickstart.sh', '--cfg-options', *ITERATIONS)
    trained = root / 'work_dirs' / 'quickstart'
    shutil.copy(trained / 'iter_2.pth', root / MODEL)
    shutil.copytree(trained, trained.with_name(Path(CONFIG).stem))
    for split, images in (
        ('train', 'photos'),
        ('train', 'train'),
        ('val', 'val'),
        ('val', 'folder'),
    ):
        _label(root, split, images)
    for old, new in (
        ('photos.json', 'instances.json'),
        ('photos_maps', 'maps'),
        ('photos_objects', 'instances'),
    ):
        (root / old).rename(root / new)
    shutil.copytree(root / 'maps', root / 'classes')
    _film(root / 'photos' / '000001.jpg', root)
    classes = [
        dict(id=value, name=name, isthing=value in (24, 26)) for value, name in NAMES.items()
    ]
    (root / 'classes.yaml').write_text(yaml.safe_dump(dict(classes=classes)))
    _relabel(root / 'data' / 'shapes', root / 'data' / 'mine')
    run('kmax-deeplab', 'init', 'mine', '--data', 'data/mine')
    run('kmax-deeplab', 'export', CONFIG, MODEL, 'model.onnx', '--no-check')
    run('kmax-deeplab', 'test', CONFIG, MODEL, '--report', 'report')
    shutil.copytree(root / 'report', root / 'report_onnx')


def provide_weights(torch_home: Path, alias: str) -> None:
    """Keep random weights where those of a published model are looked for."""
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    cfg = Config.fromfile(find_config(find_model(alias).config)).model
    cfg.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg)
    folder = torch_home / 'hub' / 'checkpoints'
    folder.mkdir(parents=True)
    torch.save(dict(state_dict=model.state_dict()), folder / f'{alias}.pth')


def _label(root: Path, split: str, name: str) -> None:
    """Write images, COCO's instances, and maps of classes and of objects beside them."""
    from projects.kmax.panoptic_format import read_panoptic_png

    shapes = root / 'data' / 'shapes'
    content = json.loads((shapes / f'panoptic_{split}.json').read_text())
    shutil.copytree(shapes / split, root / name)
    maps, objects = root / f'{name}_maps', root / f'{name}_objects'
    maps.mkdir()
    objects.mkdir()
    instances = []
    for record in content['annotations']:
        png = shapes / f'panoptic_{split}' / record['file_name']
        ids = read_panoptic_png(png, record['file_name'])
        classes, numbers = (np.zeros(ids.shape, np.uint8) for _ in range(2))
        for number, segment in enumerate(record['segments_info'], start=1):
            mask, value = ids == segment['id'], VALUES[segment['category_id']]
            classes[mask] = value
            if segment['category_id'] > 5:
                continue
            numbers[mask] = number
            encoded = rle.encode(np.asfortranarray(mask, np.uint8))
            instance = dict(id=len(instances) + 1, image_id=record['image_id'], category_id=value)
            drawn = dict(size=encoded['size'], counts=encoded['counts'].decode())
            measures = {key: segment[key] for key in ('area', 'bbox', 'iscrowd')}
            instances.append(dict(instance, segmentation=drawn, **measures))
        cv2.imwrite(str(maps / record['file_name']), classes)
        cv2.imwrite(str(objects / record['file_name']), numbers)
    categories = [dict(id=value, name=NAMES[value]) for value in (24, 26)]
    annotated = dict(images=content['images'], annotations=instances, categories=categories)
    (root / f'{name}.json').write_text(json.dumps(annotated))


def _relabel(shapes: Path, folder: Path) -> None:
    """Write the shapes with other classes: things in 3, stuff in 8, by the image and their own."""
    shutil.copytree(shapes, folder)
    for path in folder.glob('panoptic_*.json'):
        content = json.loads(path.read_text())
        content['categories'] = [
            dict(id=number, name=name, isthing=int(number <= 3))
            for number, name in enumerate(MINE, start=1)
        ]
        for record in content['annotations']:
            for segment in record['segments_info']:
                number = segment['category_id']
                split = number in (6, 7, 8) and record['image_id'] % 2
                segment['category_id'] = number - 2 + 5 * split if number > 5 else 1 + number % 3
        path.write_text(json.dumps(content))


def _film(image: Path, root: Path) -> None:
    """Write a photo of four times the size, and a film of three frames."""
    frame = cv2.imread(str(image))
    cv2.imwrite(str(root / 'street.jpg'), cv2.resize(frame, None, fx=4, fy=4))
    film = cv2.VideoWriter(
        str(root / 'drive.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 8, frame.shape[1::-1]
    )
    for _ in range(3):
        film.write(frame)
    film.release()
