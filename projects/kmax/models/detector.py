"""The detector: backbone, panoptic head, fusion head."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmdet.models.detectors import MaskFormer
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.config import ConfigDict
from torch import Tensor

from .data_preprocessor import KMaXDataPreprocessor
from .folded_model import MakesFolded
from .layers.folding import choose_kernels
from .postprocess import PostprocessConfig
from .structures import Observation

CLASS_COUNTS = ('num_things_classes', 'num_stuff_classes')


@MODELS.register_module()
class KMaXDeepLab(MakesFolded, MaskFormer):
    """k-means Mask Transformer (Yu et al., ECCV 2022) in mmdet's panoptic interface.

    Predictions land on the data sample as ``pred_panoptic_seg``, ``pred_sem_seg`` and
    ``pred_instances``, each when ``test_cfg`` asks for it.

    Args:
        panoptic_head: Config of the panoptic head.
        panoptic_fusion_head: Config of the fusion head; the numbers of classes that it leaves out
            are those of the panoptic head.
        **kwargs: Further arguments of :class:`mmdet.models.MaskFormer`.
    """

    def __init__(self, *, panoptic_head: dict, panoptic_fusion_head: dict, **kwargs: Any) -> None:
        counts = {name: panoptic_head[name] for name in CLASS_COUNTS if name in panoptic_head}
        super().__init__(
            panoptic_head=ConfigDict(panoptic_head),
            panoptic_fusion_head=ConfigDict({**counts, **panoptic_fusion_head}),
            **kwargs,
        )
        choose_kernels(self)
        # Convolutions in this layout are faster on CPUs and on tensor cores.
        self.to(memory_format=torch.channels_last)

    def val_step(self, data: Any) -> SampleList:
        """Predict as :meth:`test_step`."""
        return self.test_step(data)

    def test_step(self, data: Any) -> SampleList:
        """Predict the images of a batch, of any sizes, as each is predicted alone.

        Padding is part of the input: images that would be padded to another size alone are
        predicted apart.
        """
        return self._predict_alike(data, super().test_step)

    @torch.no_grad()
    def observe(self, data: Any, with_layers: bool = False) -> list[Observation]:
        """Run the network on a batch as :meth:`test_step` does, and merge nothing yet.

        Args:
            data: A batch of the test pipeline.
            with_layers: Whether to keep the mask logits of each decoder layer too.

        Returns:
            Of each image what :meth:`merge` makes predictions of.
        """
        return self._predict_alike(data, partial(self._observe, with_layers=with_layers))

    def merge(self, observation: Observation, cfg: PostprocessConfig | None = None) -> Any:
        """Return the sample of an observed image with its predictions.

        Args:
            observation: What the network made of it.
            cfg: How to make predictions of that; by default as ``test_cfg`` says.
        """
        sample = observation.sample.new()
        results = self.panoptic_fusion_head.predict(
            observation.cls_logits[None], observation.mask_logits[None], [sample], cfg=cfg
        )
        return self.add_pred_to_datasample([sample], results)[0]

    def _observe(self, data: Any, with_layers: bool) -> list[Observation]:
        batch = self.data_preprocessor(data, False)
        feats, layers = self.extract_feat(batch['inputs']), []
        if with_layers:
            cls_logits, mask_logits, layers = self.panoptic_head.predict_layers(feats)
        else:
            cls_logits, mask_logits = self.panoptic_head.predict(feats)
        return [
            Observation(sample, cls_logits[i], mask_logits[i], [layer[i] for layer in layers])
            for i, sample in enumerate(batch['data_samples'])
        ]

    def _predict_alike(self, data: Any, step: Callable[[Any], list]) -> list:
        """Return what a step makes of each image of a batch as if it were alone."""
        groups = self._groups(data)
        if len(groups) <= 1:
            return step(data)
        found: dict[int, Any] = {}
        for group in groups:
            part = {
                name: None if values is None else [values[index] for index in group]
                for name, values in data.items()
            }
            found.update(zip(group, step(part), strict=True))
        return [found[index] for index in sorted(found)]

    def _groups(self, data: Any) -> list[list[int]]:
        padded = isinstance(self.data_preprocessor, KMaXDataPreprocessor)
        if not padded or not isinstance(data, dict):
            return []
        return self.data_preprocessor.group_by_shape(data['inputs'])

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the backbone's features of ``(B, 3, H, W)``, finest first."""
        return super().extract_feat(batch_inputs.contiguous(memory_format=torch.channels_last))

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: SampleList | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return class and mask logits: what a prediction costs, as mmdet's get_flops.py counts."""
        return self.panoptic_head.predict(self.extract_feat(batch_inputs), batch_data_samples)

    def add_pred_to_datasample(
        self, data_samples: SampleList, results_list: list[dict]
    ) -> SampleList:
        """Put the results on the samples; mmdet's own refuses semantic ones."""
        for sample, results in zip(data_samples, results_list, strict=True):
            if 'sem_results' in results:
                sample.pred_sem_seg = results.pop('sem_results')
        return super().add_pred_to_datasample(data_samples, results_list)
