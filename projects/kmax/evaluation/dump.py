"""Predictions in a pickle file, which is whole or absent."""

import pickle
from pathlib import Path

from mmdet.evaluation import DumpDetResults
from mmengine.logging import print_log

from kmax_deeplab.atomic_file import open_atomically


class DumpResults(DumpDetResults):
    """mmdet's, but a full disk leaves what was there before, and nothing half-written."""

    def compute_metrics(self, results: list) -> dict:
        """Write the predictions of all processes."""
        with open_atomically(Path(self.out_file_path), sync=False) as file:
            pickle.dump(results, file, protocol=2)
        print_log(f'Results has been saved to {self.out_file_path}.', logger='current')
        return {}
