"""mmseg's transform refuses what is no label map of its image."""

import projects.kmax  # noqa: F401, I001  (before anything of mmseg)

import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import LoadAnnotations


@pytest.mark.parametrize(
    ('labels', 'message'),
    [
        (np.zeros((4, 5), np.uint8), None),
        (
            np.zeros((4, 6), np.uint8),
            r'label map .*a\.png of image i\.jpg has size \(4, 6\), but the',
        ),
        (np.zeros((4, 5, 3), np.uint8), 'must have one channel'),
        (np.full((4, 5), 300, np.uint16), 'has 16 bits'),
        (b'\x89PNG\r\n\x1a\n', r'a\.png of image i\.jpg cannot be read: '),
    ],
)
def test_label_maps_are_checked(labels, message, tmp_path):
    path = tmp_path / 'a.png'
    if isinstance(labels, bytes):
        path.write_bytes(labels)
    else:
        cv2.imwrite(str(path), labels)
    results = dict(seg_map_path=str(path), img_path='i.jpg', ori_shape=(4, 5), seg_fields=[])
    results['reduce_zero_label'] = False
    if message is None:
        assert LoadAnnotations()(results)['gt_seg_map'].shape == (4, 5)
    else:
        with pytest.raises((ValueError, OSError), match=message):
            LoadAnnotations()(results)
