"""The panoptic head: pixel decoder, transformer decoder, final predictor, losses."""

from collections.abc import Sequence

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from ..runtime.values import check_counts, check_list
from .layers import BN
from .predictor import Predictor
from .structures import KMaXOutput, KMaXPrediction, KMaXTargets
from .targets import build_targets, check_target_settings


@MODELS.register_module()
class KMaXHead(BaseModule):
    """kMaX-DeepLab's head on the features of any backbone with strides 4 to 32.

    Args:
        in_channels: Channels of the backbone's features, finest first.
        num_things_classes: Number of thing classes, which come first.
        num_stuff_classes: Number of stuff classes.
        pixel_decoder: Config of the pixel decoder.
        transformer_decoder: Config of the transformer decoder.
        semantic_decoder: Config of the auxiliary semantic decoder, or None for none. Without
            ``num_classes`` it predicts as many classes as the head, and no void.
        criterion: Config of the losses; None for a head that only predicts.
        norm_cfg: Config of all batch norms.
        train_cfg: How targets are made: arguments of :func:`build_targets`.
        test_cfg: Unused here; post-processing belongs to the fusion head.
        init_cfg: Checkpoint to start from or initial weights: the original's ``KerasInit`` by
            default, or the port's ``PortInit``.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        num_things_classes: int,
        num_stuff_classes: int,
        pixel_decoder: dict,
        transformer_decoder: dict,
        semantic_decoder: dict | None = None,
        criterion: dict | None = None,
        norm_cfg: dict = BN,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or dict(type='KerasInit'))
        check_list('panoptic_head.in_channels', in_channels)
        check_counts(
            'panoptic_head',
            0,
            num_things_classes=num_things_classes,
            num_stuff_classes=num_stuff_classes,
        )
        check_target_settings(**(train_cfg or {}))
        self.num_things_classes = num_things_classes
        self.num_stuff_classes = num_stuff_classes
        self.num_classes = num_things_classes + num_stuff_classes
        self.train_cfg = dict(train_cfg or {})
        self.pixel_decoder = MODELS.build(
            pixel_decoder, default_args=dict(in_channels=in_channels, norm_cfg=norm_cfg)
        )
        pixel_channels = self.pixel_decoder.out_channels
        self.transformer_decoder = MODELS.build(
            transformer_decoder,
            default_args=dict(
                pixel_channels=pixel_channels, num_classes=self.num_classes, norm_cfg=norm_cfg
            ),
        )
        self.predictor = Predictor(
            pixel_channels=pixel_channels[-1],
            embed_dims=self.transformer_decoder.embed_dims,
            mask_channels=self.transformer_decoder.mask_channels,
            num_classes=self.num_classes,
            norm_eps=self.transformer_decoder.norm_eps,
            norm_cfg=norm_cfg,
        )
        self.semantic_decoder = None
        if semantic_decoder is not None:
            num_classes = semantic_decoder.get('num_classes') or self.num_classes
            self.semantic_decoder = MODELS.build(
                {**semantic_decoder, 'num_classes': num_classes},
                default_args=dict(in_channels=in_channels, norm_cfg=norm_cfg),
            )
        self.criterion = None
        if criterion is not None:
            self.criterion = MODELS.build(
                criterion, default_args=dict(num_classes=self.num_classes)
            )

    def forward(self, feats: Sequence[Tensor], data_samples: list | None = None) -> KMaXOutput:
        """Predict everything, in training and in evaluation alike.

        Args:
            feats: Backbone features ``(B, C, h, w)``, finest first.
            data_samples: Not used; mmdet passes them.

        Returns:
            The final and all auxiliary predictions.
        """
        # First, so that its gradient is computed last: when the memory of the rest is free again.
        semantic = self.semantic_decoder(feats) if self.semantic_decoder is not None else None
        final, aux = self._decode(feats, with_aux=True)
        return KMaXOutput(**vars(final), aux=aux, semantic_logits=semantic)

    def loss(self, feats: Sequence[Tensor], data_samples: list) -> dict[str, Tensor]:
        """Return losses and figures to log of data samples that hold panoptic ground truth."""
        targets = build_targets(data_samples, self.num_things_classes, **self.train_cfg)
        return self.loss_by_feat(self(feats), targets, with_statistics=True)

    def loss_by_feat(
        self,
        output: KMaXOutput,
        targets: Sequence[KMaXTargets],
        noise: Sequence[Tensor] | None = None,
        *,
        with_statistics: bool = False,
    ) -> dict[str, Tensor]:
        """Return every loss term by name.

        Args:
            output: Predictions of a batch.
            targets: Ground truth of each image.
            noise: Gumbel draws ``(B, h * w)`` of every sampling, in the order final, auxiliary,
                semantic; drawn here by default.
            with_statistics: Whether to add figures for the log, which are no losses.
        """
        if self.criterion is None:
            raise RuntimeError('KMaXHead was built without `criterion`: it cannot compute losses')
        return self.criterion(output, targets, noise, with_statistics)

    def predict(
        self, feats: Sequence[Tensor], data_samples: list | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return class ``(B, N, K + 1)`` and mask logits ``(B, N, h, w)``, at the masks' stride."""
        final, _ = self._decode(feats, with_aux=False)
        return final.cls_logits, final.mask_logits

    def predict_layers(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return what :meth:`predict` does, and the mask logits by which each layer assigns."""
        final, aux = self._decode(feats, with_aux=True)
        return final.cls_logits, final.mask_logits, [layer.mask_logits for layer in aux]

    def _decode(
        self, feats: Sequence[Tensor], with_aux: bool
    ) -> tuple[KMaXPrediction, list[KMaXPrediction]]:
        stages = self.pixel_decoder(feats)
        class_feature, mask_feature, aux = self.transformer_decoder(stages, with_aux)
        return self.predictor(stages[-1], class_feature, mask_feature), aux
