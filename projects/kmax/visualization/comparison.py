"""Image, ground truth, prediction and the clustering of every decoder layer, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
from mmdet.registry import DATASETS
from mmdet.visualization.palette import get_palette
from mmengine.dataset import BaseDataset, Compose, pseudo_collate

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.local_files import check_image
from kmax_deeplab.paths import distinct_names, place_within, refuse_replacing
from kmax_deeplab.pictures.drawing import draw_segments
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit
from kmax_deeplab.pictures.segments import Segments

from ..parallel import Progress
from .cluster_panels import cluster_panels
from .samples import annotated_segments, read_clusters

PANEL_SIZE = 480


def load_ground_truth(dataset: BaseDataset, index: int) -> Segments:
    """Return the annotated segments of an image at its original size; crowd and void are void."""
    pipeline = Compose(
        [dict(type='LoadImageFromFile'), dict(type='LoadPanopticIds'), dict(type='PackKMaXInputs')]
    )
    return annotated_segments(pipeline(dataset.get_data_info(index))['data_samples'])


def _count(segments: Segments) -> str:
    number = len(segments.labels)
    return f'{number} segment' + ('s' if number != 1 else '')


def predict_panels(
    model: Any, data: dict, image: np.ndarray, classes: Sequence[str], palette: list
) -> list[Panel]:
    """Return the panels of the prediction and of each decoder layer's k-means assignment.

    ``data`` is an item of the model's test pipeline, drawn over an RGB image ``(H, W, 3)``.
    """
    [observation] = model.observe(pseudo_collate([data]), with_layers=True)
    prediction = model.merge(observation)
    panoptic = prediction.pred_panoptic_seg.sem_seg[0].cpu().numpy()
    segments = Segments.from_panoptic(panoptic, len(classes))
    drawn = draw_segments(image, segments, classes, palette, grey_void=True)
    clusters = cluster_panels(read_clusters(observation), image)
    return [Panel(drawn, 'prediction', _count(segments)), *clusters]


def draw_comparison(model: Any, dataset: BaseDataset, index: int) -> np.ndarray:
    """Draw the panels of one image of a data set with the model's test pipeline."""
    classes = dataset.metainfo['classes']
    palette = get_palette(dataset.metainfo.get('palette'), len(classes))
    path = dataset.get_data_info(index)['img_path']
    check_image(path)
    image = fit(mmcv.imread(path, channel_order='rgb'), PANEL_SIZE)
    truth = load_ground_truth(dataset, index)
    drawn = draw_segments(image, truth, classes, palette, grey_void=True)
    panels = [
        Panel(image, 'image', Path(path).name),
        Panel(drawn, 'ground truth', _count(truth)),
        *predict_panels(model, dataset[index], image, *_of_model(model, classes, palette)),
    ]
    return compose_sheet(panels)


def _of_model(model: Any, classes: Sequence[str], palette: list) -> tuple[Sequence[str], list]:
    """Return a model's classes, which may be in another order, in a data set's colours."""
    color_of = dict(zip(classes, palette, strict=True))
    names = model.dataset_meta['classes']
    return names, [color_of.get(n, palette[i % len(palette)]) for i, n in enumerate(names)]


def write_comparisons(
    model: Any,
    out_dir: Path | str,
    num_images: int,
    progress: Progress = lambda items, title, total: items,
) -> list[Path]:
    """Write one PNG for each of ``num_images`` images, evenly spread over the model's test set.

    Args:
        model: A ``KMaXDeepLab`` as :func:`mmdet.apis.init_detector` makes it, with its config.
        out_dir: Folder for the pictures; created where absent.
        num_images: How many images to draw.
        progress: Shows the progress of an iterable with a title and a length.

    Returns:
        The files written, with the folders of the images where several have one name.

    Raises:
        ValueError: If a picture would replace an image.
    """
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    count = min(num_images, len(dataset))
    indices = np.linspace(0, len(dataset) - 1, count).astype(int).tolist()
    paths = [dataset.get_data_info(index)['img_path'] for index in indices]
    names = distinct_names(paths, '.png')
    files = [place_within(Path(out_dir), name, 'the data set') for name in names]
    refuse_replacing(files, paths)
    for index, file in zip(progress(indices, 'drawing', count), files, strict=True):
        sheet = draw_comparison(model, dataset, index)
        _, encoded = cv2.imencode('.png', sheet[..., ::-1])
        write_atomically(file, encoded.tobytes())
    return files
