"""The transformer decoder: cluster centres refined by k-means steps on the pixel features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks import DropPath
from mmdet.registry import MODELS
from torch import Tensor, nn

from ..runtime.values import check_counts, check_list, check_number
from .kmeans_attention import KMeansCrossAttention
from .layers import (
    BN,
    ConvBN1d,
    ConvNormGELU,
    float32_under_autocast,
    mark_std,
    norm_1d,
    recompute,
    start_silent,
)
from .layers.folding import affine, scale_outputs
from .predictor import Predictor
from .structures import KMaXPrediction


class CenterSelfAttention(nn.Module):
    """Self-attention among the centres, with batch norm in place of scaling.

    Centres have ``embed_dims`` channels, queries and keys half as many.
    """

    def __init__(self, *, embed_dims: int, num_heads: int, norm_cfg: dict) -> None:
        super().__init__()
        if embed_dims % (2 * num_heads):
            raise ValueError(f'{embed_dims} channels do not divide into {num_heads} heads twice')
        self.num_heads = num_heads
        self.split = [embed_dims // 2, embed_dims // 2, embed_dims]
        self.qkv = ConvBN1d(embed_dims, 2 * embed_dims, norm_cfg, act=False)
        mark_std(self.qkv.conv, embed_dims**-0.5)
        self.similarity_bn = build_norm_layer(norm_cfg, num_heads)[1]
        self.retrieved_bn = norm_1d(norm_cfg, embed_dims)
        self.out = start_silent(ConvBN1d(embed_dims, embed_dims, norm_cfg, act=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, N)`` to the same shape."""
        query, key, value = (
            part.unflatten(1, (self.num_heads, -1)) for part in self.qkv(x).split(self.split, dim=1)
        )
        similarity = self.similarity_bn(query.transpose(2, 3) @ key)
        weight = float32_under_autocast(similarity).softmax(dim=-1)
        retrieved = value @ weight.transpose(2, 3).to(value.dtype)
        return self.out(F.gelu(self.retrieved_bn(retrieved.flatten(1, 2))))

    def folded(self) -> 'CenterSelfAttention':
        """Fold its norms in place, for inference.

        The factor of the similarity goes to the queries, and softmax does not see its summand; the
        weights sum to 1, so that the norm of what is retrieved can go to the values.
        """
        scale, _ = affine(self.similarity_bn)
        of_queries = scale.repeat_interleave(self.split[0] // self.num_heads)
        scale_outputs(self.qkv.conv, of_queries, torch.zeros_like(of_queries))
        scale_outputs(self.qkv.conv, *affine(self.retrieved_bn), start=sum(self.split[:2]))
        self.similarity_bn, self.retrieved_bn = nn.Identity(), nn.Identity()
        return self


class KMaXDecoderLayer(nn.Module):
    """k-means cross-attention, self-attention and feed-forward network (Fig. 1, right).

    Arguments are those of :class:`KMaXTransformerDecoder`, and further ones of its ``predictor``;
    ``drop_path_rate`` is the chance to drop each of the three branches.
    """

    def __init__(
        self,
        *,
        pixel_channels: int,
        embed_dims: int,
        feedforward_channels: int,
        num_heads: int,
        drop_path_rate: float,
        predictor: dict,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        self.center_proj = ConvBN1d(embed_dims, embed_dims, norm_cfg, act=True)
        self.pixel_proj = ConvNormGELU(pixel_channels, embed_dims, 1, norm_cfg=norm_cfg)
        self.predictor = Predictor(
            pixel_channels=embed_dims, embed_dims=embed_dims, norm_cfg=norm_cfg, **predictor
        )
        self.kmeans = KMeansCrossAttention(embed_dims=embed_dims, norm_cfg=norm_cfg)
        self.attention = CenterSelfAttention(
            embed_dims=embed_dims, num_heads=num_heads, norm_cfg=norm_cfg
        )
        self.ffn = nn.Sequential(
            ConvBN1d(embed_dims, feedforward_channels, norm_cfg, act=True),
            start_silent(ConvBN1d(feedforward_channels, embed_dims, norm_cfg, act=False)),
        )
        self.drop_path = DropPath(drop_path_rate)

    def forward(
        self, centers: Tensor, pixels: Tensor, with_classes: bool
    ) -> tuple[Tensor, KMaXPrediction | None]:
        """Refine centres ``(B, C, N)`` once by pixels ``(B, pixel_channels, h, w)``, not activated.

        Returns new centres and, ``with_classes``, the prediction that assigned the pixels.
        """
        memory = self.center_proj(centers)
        pixels = self.pixel_proj(F.gelu(pixels))
        mask_logits, feature = self.predictor.masks(pixels, memory)
        centers = centers + self.drop_path(self.kmeans(pixels, mask_logits))
        centers = F.gelu(centers + self.drop_path(self.attention(memory)))
        centers = F.gelu(centers + self.drop_path(self.ffn(centers)))
        if not with_classes:
            return centers, None
        return centers, KMaXPrediction(self.predictor.classes(memory), mask_logits, feature)


@MODELS.register_module()
class KMaXTransformerDecoder(nn.Module):
    """Decoder layers on ever finer pixel features (kMaX-DeepLab, Sec. 3.3).

    Args:
        pixel_channels: Channels of the pixel decoder's stages, coarsest first.
        num_classes: Things and stuff, without void.
        num_queries: Number ``N`` of cluster centres.
        num_layers: Layers on each stage, coarsest first; later stages are not attended.
        embed_dims: Channels of the centres.
        feedforward_channels: Width of the feed-forward networks.
        num_heads: Heads of the self-attention.
        mask_channels: Channels of the space in which pixels and centres meet.
        drop_path_rate: Chance to drop each branch of a layer.
        norm_eps: Least norm by which pixel features are divided; 1e-12 in the port.
        with_cp: Whether layers are recomputed in the backward pass, to save memory.
        norm_cfg: Config of the batch norms.
    """

    def __init__(
        self,
        *,
        pixel_channels: Sequence[int],
        num_classes: int,
        num_queries: int = 128,
        num_layers: Sequence[int] = (2, 2, 2),
        embed_dims: int = 256,
        feedforward_channels: int = 2048,
        num_heads: int = 8,
        mask_channels: int = 128,
        drop_path_rate: float = 0.2,
        norm_eps: float = 1e-6,
        with_cp: bool = False,
        norm_cfg: dict = BN,
    ) -> None:
        super().__init__()
        check_list('transformer_decoder.num_layers', num_layers)
        if len(num_layers) > len(pixel_channels):
            raise ValueError(
                f'num_layers {tuple(num_layers)} names more stages than the pixel decoder has '
                f'({len(pixel_channels)})'
            )
        owner = 'transformer_decoder'
        check_counts(
            owner,
            num_queries=num_queries,
            embed_dims=embed_dims,
            feedforward_channels=feedforward_channels,
            num_heads=num_heads,
            mask_channels=mask_channels,
        )
        check_counts(owner, 0, num_layers=num_layers)
        if not sum(num_layers):
            raise ValueError(f'{owner}.num_layers is {tuple(num_layers)}: it has no layer at all')
        check_number('transformer_decoder.drop_path_rate', drop_path_rate, 0, 1)
        self.embed_dims = embed_dims
        self.mask_channels = mask_channels
        self.norm_eps = norm_eps
        self.with_cp = with_cp
        self.num_queries = num_queries
        self.cluster_centers = nn.Embedding(num_queries, embed_dims)
        self.stage_of_layer = [
            stage for stage, count in enumerate(num_layers) for _ in range(count)
        ]
        predictor = dict(mask_channels=mask_channels, num_classes=num_classes, norm_eps=norm_eps)
        self.layers = nn.ModuleList(
            KMaXDecoderLayer(
                embed_dims=embed_dims,
                feedforward_channels=feedforward_channels,
                pixel_channels=pixel_channels[stage],
                num_heads=num_heads,
                drop_path_rate=drop_path_rate,
                predictor=predictor,
                norm_cfg=norm_cfg,
            )
            for stage in self.stage_of_layer
        )
        self.class_proj = ConvBN1d(embed_dims, embed_dims, norm_cfg, act=True)
        self.mask_proj = ConvBN1d(embed_dims, embed_dims, norm_cfg, act=True)

    def forward(
        self, stages: Sequence[Tensor], with_aux: bool = True
    ) -> tuple[Tensor, Tensor, list[KMaXPrediction]]:
        """Cluster the pixels, coarse to fine.

        Args:
            stages: Pixel features of the pixel decoder's stages, coarsest first.
            with_aux: Whether to return the prediction of every layer; a layer assigns pixels
                either way, but predicts classes only for its auxiliary prediction.

        Returns:
            Class and mask features of the final centres, each ``(B, embed_dims, N)``, and the
            auxiliary predictions.
        """
        batch = stages[0].shape[0]
        centers = self.cluster_centers.weight.t().expand(batch, -1, -1)
        aux = []
        for layer, stage in zip(self.layers, self.stage_of_layer, strict=True):
            inputs = (centers, stages[stage], with_aux)
            centers, prediction = recompute(layer, *inputs) if self.with_cp else layer(*inputs)
            if prediction is not None:
                aux.append(prediction)
        return self.class_proj(centers), self.mask_proj(centers), aux
