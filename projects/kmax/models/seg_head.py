"""The same head for semantic segmentation, in an ``EncoderDecoder`` of mmseg."""

from collections.abc import MutableMapping, Sequence
from typing import Any

import torch
from mmdet.registry import MODELS as MMDET_MODELS
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData, PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..void import IGNORED_LABEL
from .kmax_head import KMaXHead
from .layers import float32_under_autocast
from .postprocess.resizing import padded_axes, tiles

# The option that says how many rows a layer has, and how many of them are for void.
OPTION_OF_CLASS_LAYER = {
    'predictor.class_head.weight': ('num_classes', 1),
    'semantic_decoder.head.final.weight': ('semantic_decoder.num_classes', 0),
}
PANOPTIC_HEAD = 'panoptic_head.'


@MODELS.register_module()
class KMaXSegHead(KMaXHead):
    """kMaX-DeepLab's head as a decode head of mmseg: every class is one mask.

    Classes are in the order of mmseg's data set. The modules within are those of mmdet's registry
    and need no prefix. A :class:`.KMaXEncoderDecoder` around it also loads checkpoints of panoptic
    models; mmseg's ``init_model`` and inferencer, which take the names of classes from the
    checkpoint, then keep its order, and :class:`.MapClassesHook` changes to that of the data set.

    Args:
        num_classes: Number of classes.
        ignore_index: Label of pixels without a class.
        **kwargs: Further arguments of :class:`KMaXHead`.
    """

    # As the original resizes; mmseg resizes the result alike.
    align_corners = True

    def __init__(
        self, *, num_classes: int, ignore_index: int = IGNORED_LABEL, **kwargs: Any
    ) -> None:
        with MMDET_MODELS.switch_scope_and_registry('mmdet'):
            super().__init__(num_things_classes=0, num_stuff_classes=num_classes, **kwargs)
        self.out_channels = num_classes
        self.ignore_index = ignore_index

    def loss(
        self,
        feats: Sequence[Tensor],
        data_samples: Sequence[SegDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Return losses and figures to log.

        Args:
            feats: Backbone features ``(B, C, h, w)``, finest first.
            data_samples: Samples with ``gt_sem_seg.data`` ``(1, H, W)``.
            train_cfg: Not used; mmseg passes it.

        Raises:
            ValueError: If a label is neither a class nor ``ignore_index``.
        """
        return super().loss(feats, [self._panoptic_sample(sample) for sample in data_samples])

    def predict(  # type: ignore[override]  # mmseg's interface, not mmdet's
        self,
        feats: Sequence[Tensor],
        batch_img_metas: Sequence[dict],
        test_cfg: dict | None = None,
    ) -> Tensor:
        """Return the evidence for each class at each pixel of the input.

        The sum over the queries of class probability times mask probability, the masks' logits
        resized with aligned corners before their softmax: the port's semantic rule. The original
        takes the most probable class of the strongest query instead, which has no scores to
        resize or to average.

        Args:
            feats: Backbone features ``(B, C, h, w)``, finest first.
            batch_img_metas: Metainfo of the samples, which tell the size of the input.
            test_cfg: Not used; mmseg passes it.

        Returns:
            ``(B, num_classes, H, W)``, at least 0; with the void class they would sum up to 1.
        """
        cls_logits, mask_logits = super().predict(feats)
        class_probs = float32_under_autocast(cls_logits).softmax(-1)[..., :-1].to(mask_logits.dtype)
        size = _input_size(batch_img_metas[0])
        evidence = mask_logits.new_empty(len(class_probs), self.num_classes, *size)
        for output, classes, masks in zip(evidence, class_probs, mask_logits, strict=True):
            for place, logits in tiles(masks, padded_axes(masks, size)):
                shares = (classes.t() @ logits.softmax(1)).transpose(0, 1)
                output[(slice(None), *place)] = shares
        return evidence

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Refuse weights for other classes: mmengine would leave them out and only warn."""
        own = self.state_dict(prefix=prefix)
        for name, (option, void) in OPTION_OF_CLASS_LAYER.items():
            old, new = state_dict.get(prefix + name), own.get(prefix + name)
            if old is not None and new is not None and len(old) != len(new):
                raise ValueError(
                    f'{prefix}{name} of the checkpoint is for {len(old) - void} classes, but '
                    f'{prefix}{option} is {len(new) - void}: correct it in the config, or '
                    'fine-tune to other classes with load_from and tools/train.py --new-classes'
                )
        super()._load_from_state_dict(state_dict, prefix, *args)

    def check_labels(self, sample: SegDataSample) -> None:
        """Raise a ValueError if a label is neither a class nor ``ignore_index``.

        mmseg's metrics leave out such pixels.
        """
        labels = sample.gt_sem_seg.data
        self._refuse_unknown(labels[labels != self.ignore_index], sample)

    def _refuse_unknown(self, labels: Tensor, sample: SegDataSample) -> None:
        unknown = labels[(labels < 0) | (labels >= self.num_classes)].unique().tolist()
        if unknown:
            raise ValueError(
                f'the annotation {sample.get("seg_map_path")} of image {sample.get("img_path")} '
                f'holds labels {unknown}, but decode_head.num_classes is {self.num_classes} and '
                f'ignore_index {self.ignore_index}: correct them, or reduce_zero_label'
            )

    def _panoptic_sample(self, sample: SegDataSample) -> DetDataSample:
        """Number the classes of a semantic map as :func:`.targets.build_targets` reads segments."""
        semantic = sample.gt_sem_seg.data.long()
        present = semantic.unique()
        present = present[present != self.ignore_index]
        self._refuse_unknown(present, sample)
        # Labels may exceed the table: ignored ones are looked up as its last entry, void.
        id_of_label = present.new_zeros(self.num_classes + 1, dtype=torch.int16)
        id_of_label[present] = torch.arange(1, len(present) + 1).to(id_of_label)
        index = semantic.masked_fill(semantic == self.ignore_index, self.num_classes)
        return DetDataSample(
            gt_panoptic_seg=PixelData(ids=id_of_label[index]),
            gt_segments=InstanceData(labels=present),
        )


def _input_size(metainfo: dict) -> tuple[int, int]:
    """Height and width of the network's input, or of the window that mmseg slides over it."""
    # As in mmseg's BaseDecodeHead: windows alone are described by a torch.Size.
    is_window = isinstance(metainfo['img_shape'], torch.Size)
    shape = metainfo['img_shape'] if is_window else metainfo.get('pad_shape', metainfo['img_shape'])
    return int(shape[0]), int(shape[1])


def rename_panoptic_head(weights: MutableMapping[str, Tensor], prefix: str = '') -> None:
    """Give the weights of a panoptic model's head the name of mmseg's decode head, in place.

    Args:
        weights: Tensors by name.
        prefix: What the names of the model's weights start with.
    """
    start = prefix + PANOPTIC_HEAD
    for old in [key for key in weights if key.startswith(start)]:
        weights[f'{prefix}decode_head.{old.removeprefix(start)}'] = weights.pop(old)
