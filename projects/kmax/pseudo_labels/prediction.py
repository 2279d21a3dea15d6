"""Predictions for a folder of images, which other processes read ahead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import torch
from mmengine.dataset import Compose, pseudo_collate
from torch.utils.data import DataLoader, Dataset

from ..datasets.reading_errors import naming_image
from ..panoptic.local_files import check_image


class ImageFolder(Dataset):
    """Images of a folder through a test pipeline; the message of the error for unreadable ones."""

    def __init__(self, folder: Path, names: list[str], pipeline: list[dict]) -> None:
        self.folder = folder
        self.names = names
        self.pipeline = Compose(pipeline)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        name = self.names[index]
        record = {'img_id': name, 'img_path': str(self.folder / name)}
        try:
            with naming_image(record, str(self.folder)):
                check_image(record['img_path'])
                return name, self.pipeline(record)
        except (OSError, cv2.error) as error:
            return name, str(error)


@torch.no_grad()
def predict(model: Any, folder: Path, names: list[str], workers: int) -> Iterator[tuple[str, Any]]:
    """Yield each name with its panoptic prediction on the CPU, or with the message of an error.

    The model is as ``init_detector`` makes it, with its config; other processes read the images.
    """
    images = ImageFolder(folder, names, model.cfg.test_dataloader.dataset.pipeline)
    for [(name, data)] in DataLoader(images, num_workers=workers, collate_fn=list):
        if isinstance(data, str):
            yield name, data
        else:
            yield name, model.test_step(pseudo_collate([data]))[0].pred_panoptic_seg.cpu()
