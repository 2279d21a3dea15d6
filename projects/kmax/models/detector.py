"""The detector: backbone, panoptic head, fusion head."""

from typing import Any

import torch
from mmdet.models.detectors import MaskFormer
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from torch import Tensor


@MODELS.register_module()
class KMaXDeepLab(MaskFormer):
    """k-means Mask Transformer (Yu et al., ECCV 2022) in mmdet's panoptic interface.

    Predictions land on the data sample as ``pred_panoptic_seg``, ``pred_sem_seg`` and
    ``pred_instances``, each when ``test_cfg`` asks for it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Convolutions in this layout are faster on CPUs and on tensor cores.
        self.to(memory_format=torch.channels_last)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the backbone's features of ``(B, 3, H, W)``, finest first."""
        return super().extract_feat(batch_inputs.contiguous(memory_format=torch.channels_last))

    def add_pred_to_datasample(
        self, data_samples: SampleList, results_list: list[dict]
    ) -> SampleList:
        """Put the results on the samples; mmdet's own refuses semantic ones."""
        for sample, results in zip(data_samples, results_list, strict=True):
            if 'sem_results' in results:
                sample.pred_sem_seg = results.pop('sem_results')
        return super().add_pred_to_datasample(data_samples, results_list)
