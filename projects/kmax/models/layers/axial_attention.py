"""Position-sensitive axial attention (Axial-DeepLab, Wang et al., ECCV 2020, Eq. 4)."""

import torch
from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn

from .initialization import mark_std
from .precision import float32_under_autocast

MAX_SPAN = 255
"""Distances up to 254 have an embedding of their own; longer ones share the last."""


class AxialAttention1d(nn.Module):
    """Attention along one axis with relative position terms on queries, keys and values.

    ``key_channels`` are those of all heads together, and so are ``value_channels``, the output's
    width.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        key_channels: int,
        value_channels: int,
        num_heads: int,
        norm_cfg: dict,
    ) -> None:
        super().__init__()
        if key_channels % num_heads or value_channels % num_heads:
            raise ValueError(
                f'{key_channels} key and {value_channels} value channels do not divide into '
                f'{num_heads} heads'
            )
        self.num_heads = num_heads
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.qkv = ConvModule(
            in_channels, 2 * key_channels + value_channels, 1, norm_cfg=norm_cfg, act_cfg=None
        )
        mark_std(self.qkv.conv, in_channels**-0.5)
        # Channels are ordered (content, query position, key position) x head.
        self.similarity_bn = build_norm_layer(norm_cfg, 3 * num_heads)[1]
        # Channels are ordered (content, position) x head x depth.
        self.output_bn = build_norm_layer(norm_cfg, 2 * value_channels)[1]
        self.query_rpe = nn.Embedding(2 * MAX_SPAN - 1, key_channels // num_heads)
        self.key_rpe = nn.Embedding(2 * MAX_SPAN - 1, key_channels // num_heads)
        self.value_rpe = nn.Embedding(2 * MAX_SPAN - 1, value_channels // num_heads)

    def forward(self, x: Tensor) -> Tensor:
        """Attend along the height of ``(B, C, L, X)``, ``X`` independent sequences of length ``L``.

        Any length works: positions further apart than the tables reach share the outermost
        embedding.
        """
        batch, _, length, columns = x.shape
        query, key, value = self._heads(self.qkv(x))
        index = self._distances(length, x.device)
        query_rpe, key_rpe, value_rpe = (
            embedding(index) for embedding in (self.query_rpe, self.key_rpe, self.value_rpe)
        )
        # Sequences x heads are one batch of the content term; positions are the batch of the
        # position terms, whose matrices the sequences share.
        content = query @ key.transpose(1, 2)
        by_query = (query.transpose(0, 1) @ query_rpe.transpose(1, 2)).transpose(0, 1)
        by_key = (key.transpose(0, 1) @ key_rpe.permute(1, 2, 0)).permute(1, 2, 0)
        heads = (batch * columns, self.num_heads, length, length)
        similarity = torch.cat([t.reshape(heads) for t in (content, by_query, by_key)], dim=1)
        similarity = self.similarity_bn(similarity).view(heads[0], 3, *heads[1:]).sum(dim=1)
        weight = float32_under_autocast(similarity).softmax(dim=-1)
        weight = weight.view(-1, length, length).to(value.dtype)

        retrieved = weight @ value
        position = (weight.transpose(0, 1) @ value_rpe.to(value.dtype)).transpose(0, 1)
        output = torch.stack([retrieved, position])
        output = output.view(2, batch, columns, self.num_heads, length, -1)
        output = output.permute(1, 0, 3, 5, 4, 2).reshape(batch, -1, length, columns)
        return self.output_bn(output).view(batch, 2, -1, length, columns).sum(dim=1)

    def _heads(self, qkv: Tensor) -> list[Tensor]:
        """Split ``(B, C, L, X)`` into queries, keys and values of ``(B * X * heads, L, depth)``."""
        batch, _, length, columns = qkv.shape
        parts = qkv.split([self.key_channels, self.key_channels, self.value_channels], dim=1)
        return [
            part.view(batch, self.num_heads, -1, length, columns)
            .permute(0, 4, 1, 3, 2)
            .reshape(batch * columns * self.num_heads, length, -1)
            for part in parts
        ]

    @staticmethod
    def _distances(length: int, device: torch.device) -> Tensor:
        position = torch.arange(length, device=device)
        distance = position[None] - position[:, None]
        return distance.clamp(1 - MAX_SPAN, MAX_SPAN - 1) + MAX_SPAN - 1


class AxialAttention(nn.Module):
    """Attention along the height, then along the width.

    ``channels`` are the total key channels; input, values and output have twice as many. Every
    ``stride``-th row and column is kept, after each has attended to all.
    """

    def __init__(self, *, channels: int, num_heads: int, stride: int = 1, norm_cfg: dict) -> None:
        super().__init__()
        self.stride = stride
        self.height_axis, self.width_axis = (
            AxialAttention1d(
                in_channels=2 * channels,
                key_channels=channels,
                value_channels=2 * channels,
                num_heads=num_heads,
                norm_cfg=norm_cfg,
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 2 * channels, H, W)`` to ``(B, 2 * channels, H / stride, W / stride)``."""
        x = self.height_axis(x)[:, :, :: self.stride]
        return self.width_axis(x.transpose(2, 3))[:, :, :: self.stride].transpose(2, 3)
