"""Reading panoptic PNGs."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS
from numpy.typing import NDArray

from kmax_deeplab.id_runs import find_runs

from ...panoptic.comparison import find_pixel_faults, find_size_faults
from ...panoptic.faults import refuse
from ...panoptic.files import read_panoptic_png
from ...void import VOID_ID


@TRANSFORMS.register_module()
class LoadPanopticIds(BaseTransform):
    """Read a panoptic PNG into a map of contiguous segment ids.

    The map must show the image as ``LoadImageFromFile`` gives it: by default turned as its EXIF
    orientation says. Samples without ``seg_map_path``, as inferencers make them, pass through
    unchanged.

    Required keys: ``seg_map_path``, ``segment_ids``, ``segment_rows``, ``segment_labels``,
    ``img_id``, ``ori_shape``, ``ann_file``; compared where given are ``width`` and ``height``, and
    ``segment_areas`` and ``segment_boxes``.
    Added keys: ``gt_seg_map``, an ``(H, W)`` int16 map of ``VOID_ID`` for void and crowd and k for
    segment k - 1; ``gt_segment_labels``, the ``(n,)`` int64 class of each segment.

    Args:
        backend_args: Arguments of mmengine's file backend.
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Read the ids of one image.

        Raises:
            FileNotFoundError: If there is no such PNG.
            ValueError: If it cannot be read or contradicts the image or the JSON, or the record is
                of another kind of data set.
        """
        if results.get('seg_map_path') is None:
            return results
        if 'segment_ids' not in results:
            raise ValueError(
                'LoadPanopticIds reads the records of KMaXPanopticDataset; that of image '
                f'{results.get("img_path")} has no segment_ids: load those of other data sets by '
                "mmdet's LoadPanopticAnnotations"
            )
        image = f'image {results["img_id"]} in {results["ann_file"]}'
        ids = read_panoptic_png(results['seg_map_path'], image, self.backend_args)
        refuse(find_size_faults(ids.shape, results))
        results['gt_seg_map'] = number_segments(ids, results)
        results['gt_segment_labels'] = np.array(results['segment_labels'], dtype=np.int64)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend_args={self.backend_args})'


def number_segments(ids: NDArray[np.integer], record: dict) -> NDArray[np.int16]:
    """Replace ids ``(H, W)`` by the rows of their segments, once they are those of the record."""
    runs = find_runs(ids)
    refuse(find_pixel_faults(runs, record))
    row_of_id = dict(zip(record['segment_ids'], record['segment_rows'], strict=True))
    rows = [row_of_id.get(value, VOID_ID) for value in runs.ids.tolist()]
    return runs.replace_ids(np.array(rows, np.int16))
