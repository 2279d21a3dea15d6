"""What the head hands out and what it is trained on."""

from dataclasses import dataclass, field

from mmdet.structures import DetDataSample
from torch import Tensor


@dataclass
class KMaXPrediction:
    """One clustering of the image: what a predictor makes of pixel features and cluster centres.

    Attributes:
        cls_logits: ``(B, N, K + 1)`` class logits of each query, void last, void prior added.
        mask_logits: ``(B, N, h, w)`` affinity of each pixel to each query.
        pixel_feature: ``(B, D, h, w)`` L2-normalised pixel features.
    """

    cls_logits: Tensor
    mask_logits: Tensor
    pixel_feature: Tensor


@dataclass
class KMaXOutput(KMaXPrediction):
    """The final prediction, that of every decoder layer, and the auxiliary semantic logits.

    Attributes:
        aux: One prediction per decoder layer, at that layer's own resolution.
        semantic_logits: ``(B, K or K + 1, h', w')`` logits of the auxiliary semantic decoder, a
            void channel (where the recipe has one) last, or None.
    """

    aux: list[KMaXPrediction] = field(default_factory=list)
    semantic_logits: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Observation:
    """What the network makes of one image, before pixels are given to segments.

    Attributes:
        sample: Holds the sizes of the image in its metainfo.
        cls_logits: ``(N, K + 1)`` class logits of each query, void last.
        mask_logits: ``(N, h, w)`` affinity of each pixel to each query.
        layers: The same ``(N, h', w')`` of each decoder layer, where they were kept.
    """

    sample: DetDataSample
    cls_logits: Tensor
    mask_logits: Tensor
    layers: list[Tensor] = field(default_factory=list)


@dataclass
class KMaXTargets:
    """Ground truth of one image, at the resolution of the masks or an integer multiple of it.

    Attributes:
        labels: ``(M,)`` int64 class of each mask, things first, then stuff.
        masks: ``(M, h, w)`` bool; masks do not overlap.
        is_thing: ``(M,)`` bool.
        semantic: ``(h, w)`` int64 class of each pixel; its value on void pixels is ignored.
        void: ``(h, w)`` bool, True where no class is known (unlabelled, crowd, padding).
        weight: ``(h, w)`` float weight of each pixel in the semantic loss.
    """

    labels: Tensor
    masks: Tensor
    is_thing: Tensor
    semantic: Tensor
    void: Tensor
    weight: Tensor
