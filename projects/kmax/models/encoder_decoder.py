"""mmseg's segmentor, made to load checkpoints of panoptic models, which name the head otherwise.

This is imported together with mmseg's own models, when one of them is first asked for; see
:mod:`.seg_head`.
"""

import math
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from .folded_model import MakesFolded
from .layers.folding import choose_kernels
from .postprocess import image_name, refuse_infinite, sum_logits
from .seg_head import rename_panoptic_head


@MODELS.register_module()
class KMaXEncoderDecoder(MakesFolded, EncoderDecoder):
    """mmseg's ``EncoderDecoder`` that takes weights of a ``panoptic_head`` for its decode head.

    It is meant for :class:`.KMaXSegHead` and takes the arguments of ``EncoderDecoder``. That trains
    and predicts alike with this head, but takes panoptic weights only through the hook
    ``MapClassesHook``, thus not in ``init_model`` and ``MMSegInferencer``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_kernels(self)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        # Before the head is asked: it is only shown weights that have its name already.
        rename_panoptic_head(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def postprocess_result(self, seg_logits: Tensor, data_samples: Any = None) -> Any:
        """Make samples of evidence ``(B, K, H, W)`` as mmseg does, if it is finite.

        Raises:
            ValueError: With the name of an image whose evidence is not, or whose annotation holds
                labels that are no class.
        """
        if not math.isfinite(sum_logits(seg_logits).item()):
            totals = [sum_logits(evidence).item() for evidence in seg_logits]
            samples = data_samples or [SegDataSample()] * len(totals)
            for total, sample in zip(totals, samples, strict=True):
                refuse_infinite(total, image_name(sample))
        check_labels = getattr(self.decode_head, 'check_labels', None)
        for sample in data_samples or ():
            if check_labels is not None and 'gt_sem_seg' in sample:
                check_labels(sample)
        return super().postprocess_result(seg_logits, data_samples)
