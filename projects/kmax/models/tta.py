"""Test-time augmentation: one panoptic result from views, resized and mirrored, of an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import BaseTTAModel
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .layers import float32_under_autocast
from .view_geometry import ViewGeometry


@dataclass
class View:
    """What the model makes of one view of one image.

    ``cls_logits`` are ``(N, K + 1)``, void last, ``mask_logits`` ``(N, h, w)``, ``sample`` is the
    view's data sample.
    """

    sample: DetDataSample
    cls_logits: Tensor
    mask_logits: Tensor


@MODELS.register_module()
class KMaXTTAModel(BaseTTAModel):
    """Averages the class and mask probabilities of matched queries over views.

    A query has no place or class of its own: what query 3 finds in an image, query 7 may find in
    its mirror image. So before views are averaged, every one is brought onto the first:

    1. The first view is the reference: its queries, the grid of its masks and its padding are those
       of the result. It is the first that ``TestTimeAug`` makes, whichever that is; in the configs
       it is the image as the test pipeline has it, in its size and not mirrored.

    2. The mask logits of each further view are mirrored back if the view is, resampled bilinearly
       on the reference's grid, and become probabilities by a softmax over the queries.

    3. Its queries are matched one to one with those of the reference by the Hungarian method: the
       sum of soft dice, over the pixels of the image, times the chance that two draws from the
       queries' class distributions (void is a class) agree is largest.

    4. Matched queries are averaged, classes and masks alike, each view with the same weight.

    Averages of distributions are distributions: classes still sum up to 1 per query, masks per
    pixel. Their logarithms go to the fusion head as logits, whose rules for all three results are
    those of a single view. What only some views find is averaged with void queries of the others,
    and passes the thresholds where enough agree.

    Args:
        module: Config of a :class:`~projects.kmax.models.KMaXDeepLab`.
        **kwargs: Further arguments of mmengine's ``BaseTTAModel``.
    """

    def __init__(self, module: dict, **kwargs: Any) -> None:
        super().__init__(module, **kwargs)
        # Enlarged views do not fit into what the model is trained with.
        self.module.data_preprocessor.may_grow = True

    @torch.no_grad()
    def test_step(self, data: dict) -> list[DetDataSample]:
        """Predict a batch.

        Args:
            data: ``inputs`` and ``data_samples``, each one list per view of one item per image, as
                ``TestTimeAug`` and ``pseudo_collate`` make them.

        Returns:
            One sample per image, that of its first view, with the results.
        """
        views = [
            self._predict_views({name: values[index] for name, values in data.items()})
            for index in range(len(data['inputs']))
        ]
        return self.merge_preds(list(zip(*views, strict=True)))

    def merge_preds(self, data_samples_list: Sequence[Sequence[View]]) -> list[DetDataSample]:
        """Merge the views of each image, and return the sample of its first, with the results."""
        merged = [merge_views(views) for views in data_samples_list]
        samples = [views[0].sample for views in data_samples_list]
        results = [
            self.module.panoptic_fusion_head.predict(classes[None], masks[None], [sample])[0]
            for (classes, masks), sample in zip(merged, samples, strict=True)
        ]
        return self.module.add_pred_to_datasample(samples, results)

    def _predict_views(self, data: dict) -> list[View]:
        """Predict the same view of every image of the batch."""
        data = self.module.data_preprocessor(data, False)
        feats = self.module.extract_feat(data['inputs'])
        cls_logits, mask_logits = self.module.panoptic_head.predict(feats, data['data_samples'])
        return [
            View(*view)
            for view in zip(
                data['data_samples'],
                float32_under_autocast(cls_logits),
                float32_under_autocast(mask_logits),
                strict=True,
            )
        ]


def merge_views(views: Sequence[View]) -> tuple[Tensor, Tensor]:
    """Average the views of one image as :class:`KMaXTTAModel` says.

    Returns class ``(N, K + 1)`` and mask logits ``(N, h, w)`` on the first view's grid: logarithms
    of the mean probabilities.
    """
    first = views[0]
    size = first.mask_logits.shape[-2:]
    geometry = ViewGeometry.from_metainfo(first.sample.metainfo)
    inside = geometry.inside(size).to(first.mask_logits.device)
    # Sums of probabilities are taken of their logarithms, which do not underflow.
    classes, masks = first.cls_logits.log_softmax(-1), first.mask_logits.log_softmax(0)
    class_sum, mask_sum = classes, masks
    for view in views[1:]:
        other = ViewGeometry.from_metainfo(view.sample.metainfo)
        other_classes = view.cls_logits.log_softmax(-1)
        other_masks = other.bring_onto(geometry, size, view.mask_logits).log_softmax(0)
        query = match_queries(
            classes.exp(), masks.exp(), other_classes.exp(), other_masks.exp(), inside
        )
        class_sum = class_sum.logaddexp(other_classes[query])
        mask_sum = mask_sum.logaddexp(torch.where(inside, other_masks[query], masks))
    return class_sum - log(len(views)), mask_sum - log(len(views))


def match_queries(
    classes: Tensor, masks: Tensor, other_classes: Tensor, other_masks: Tensor, inside: Tensor
) -> Tensor:
    """Find the query ``(N,)`` of another view that corresponds to each of one view.

    Both have class ``(N, K + 1)`` and mask probabilities ``(N, h, w)`` on one grid, of which the
    pixels ``inside`` ``(h, w)`` count.
    """
    pixels, other_pixels = masks[:, inside], other_masks[:, inside]
    mass = pixels.sum(1)[:, None] + other_pixels.sum(1)
    dice = 2 * (pixels @ other_pixels.t()) / mass.clamp(min=1e-5)
    similarity = dice * (classes @ other_classes.t())
    _, query = linear_sum_assignment(similarity.double().cpu().numpy(), maximize=True)
    return torch.from_numpy(query).to(masks.device)
