"""Test-time augmentation of semantic results in mmseg."""

from functools import reduce

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


@MODELS.register_module()
class KMaXSegTTAModel(BaseTTAModel):
    """Averages the evidence that :class:`.KMaXSegHead` finds in the views of an image.

    mmseg's ``SegTTAModel`` takes a softmax first, but evidence is a probability already: it would
    become nearly the same for all classes.
    """

    def merge_preds(self, data_samples_list: list[list[SegDataSample]]) -> list[SegDataSample]:
        """Merge the views of each image.

        Args:
            data_samples_list: The views of each image, ``seg_logits`` of one size and flipped back.

        Returns:
            The first view of each image with the mean ``seg_logits`` and their ``pred_sem_seg``.
        """
        return [_average(views) for views in data_samples_list]


def _average(views: list[SegDataSample]) -> SegDataSample:
    evidence = reduce(torch.add, (view.seg_logits.data for view in views)) / len(views)
    merged = views[0]
    merged.seg_logits = PixelData(data=evidence)
    merged.pred_sem_seg = PixelData(data=evidence.argmax(0, keepdim=True))
    return merged
