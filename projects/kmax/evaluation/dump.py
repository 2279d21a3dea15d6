"""Predictions in a pickle file, which is whole or absent."""

import pickle
import warnings
from pathlib import Path
from typing import Any

from mmdet.evaluation import DumpDetResults
from mmengine.logging import print_log

from kmax_deeplab.atomic_file import open_atomically


class DumpResults(DumpDetResults):
    """mmdet's, but a full disk leaves what was there before, and nothing half-written."""

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Take the predictions of a batch, without advice to write other files than were asked."""
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', message='Panoptic segmentation map will not be comp')
            super().process(*args, **kwargs)

    def compute_metrics(self, results: list) -> dict:
        """Write the predictions of all processes."""
        with open_atomically(Path(self.out_file_path), sync=False) as file:
            pickle.dump(results, file, protocol=2)
        print_log(f'Results has been saved to {self.out_file_path}.', logger='current')
        return {}
