"""Position-sensitive axial attention (Axial-DeepLab, Wang et al., ECCV 2020, Eq. 4)."""

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule, build_norm_layer
from torch import Tensor, nn

from .folding import TINY, affine, scale_outputs
from .initialization import mark_std
from .precision import float32_under_autocast

MAX_SPAN = 255
"""Distances up to 254 have an embedding of their own; longer ones share the last."""

HEIGHT, WIDTH = 2, 3

MAX_SIZES = 8
"""Lengths for which a folded attention keeps what it gathered."""


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
        self.widths = (key_channels, key_channels, value_channels)
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

    def forward(self, x: Tensor, axis: int = HEIGHT) -> Tensor:
        """Attend along an axis of ``(B, C, H, W)``; what lies beside it are sequences of their own.

        Any length works: positions further apart than the tables reach share the outermost
        embedding.
        """
        query, key, value = _split_heads(self.qkv(x), self.widths, self.num_heads, axis)
        length = x.shape[axis]
        index = relative_positions(length, x.device)
        query_rpe, key_rpe, value_rpe = (
            embedding(index) for embedding in (self.query_rpe, self.key_rpe, self.value_rpe)
        )
        # Sequences x heads are one batch of the content term; positions are the batch of the
        # position terms, whose matrices the sequences share.
        content = query @ key.transpose(1, 2)
        by_query = (query.transpose(0, 1) @ query_rpe.transpose(1, 2)).transpose(0, 1)
        by_key = (key.transpose(0, 1) @ key_rpe.permute(1, 2, 0)).permute(1, 2, 0)
        heads = (-1, self.num_heads, length, length)
        similarity = torch.cat([t.reshape(heads) for t in (content, by_query, by_key)], dim=1)
        similarity = self.similarity_bn(similarity).unflatten(1, (3, -1)).sum(dim=1)
        weight = float32_under_autocast(similarity).softmax(dim=-1)
        weight = weight.view(-1, length, length).to(value.dtype)

        retrieved = weight @ value
        position = (weight.transpose(0, 1) @ value_rpe.to(value.dtype)).transpose(0, 1)
        both = torch.stack([retrieved, position]).unflatten(1, (x.shape[0], -1, self.num_heads))
        # Added by halves, the gradient keeps channels last: the norm is 20 times slower otherwise.
        content, position = self.output_bn(_to_map(both, axis)).chunk(2, dim=1)
        return content + position

    def folded(self) -> 'FoldedAxialAttention1d':
        """Return the same attention for inference, without norms."""
        return FoldedAxialAttention1d(self)


class FoldedAxialAttention1d(nn.Module):
    """An :class:`AxialAttention1d` for inference, whose norms have gone into its other layers.

    The factor of the content term is in the queries; softmax does not see the summands of the
    three terms. As the weights of a query sum to 1, the summand of the output is in the values.
    """

    query_factor: Tensor
    key_factor: Tensor
    position_factor: Tensor

    def __init__(self, attention: AxialAttention1d) -> None:
        super().__init__()
        self.num_heads = heads = attention.num_heads
        self.widths = attention.widths
        self.qkv = attention.qkv
        self.query_rpe, self.key_rpe = attention.query_rpe, attention.key_rpe
        self.value_rpe = attention.value_rpe
        content, by_query, by_key = affine(attention.similarity_bn)[0].view(3, heads)
        content = torch.where(content.abs() < TINY, TINY, content)
        key_width, value_width = self.widths[1:]
        of_queries = content.repeat_interleave(key_width // heads)
        scale_outputs(self.qkv.conv, of_queries, torch.zeros_like(of_queries))
        scale, shift = (part.view(2, -1) for part in affine(attention.output_bn))
        scale_outputs(self.qkv.conv, scale[0], shift.sum(0), start=2 * key_width)
        self.register_buffer('query_factor', (by_query / content).view(-1, 1, 1))
        self.register_buffer('key_factor', by_key.view(-1, 1, 1))
        self.register_buffer('position_factor', scale[1].view(heads, 1, value_width // heads))
        self._tables: dict[tuple, tuple[Tensor, Tensor, Tensor]] = {}

    def forward(self, x: Tensor, axis: int = HEIGHT) -> Tensor:
        """Attend along an axis of ``(B, C, H, W)``, as the attention with norms does."""
        query, key, value = _split_heads(self.qkv(x), self.widths, self.num_heads, axis)
        query_table, key_table, value_table = self._gather_tables(x.shape[axis], query)
        by_query = self._scale(query, self.query_factor) @ query_table
        by_key = self._scale(key, self.key_factor) @ key_table
        position = by_query.transpose(0, 1) + by_key.permute(1, 2, 0)
        similarity = torch.baddbmm(position, query, key.transpose(1, 2))
        weight = float32_under_autocast(similarity).softmax(dim=-1).to(value.dtype)
        retrieved = (weight @ value).unflatten(0, (-1, self.num_heads))
        by_distance = (weight.transpose(0, 1) @ value_table).unflatten(1, (-1, self.num_heads))
        output = retrieved.addcmul_(by_distance.permute(1, 2, 0, 3), self.position_factor)
        return _to_map(output.unflatten(0, (1, x.shape[0], -1)), axis)

    def _scale(self, heads: Tensor, factor: Tensor) -> Tensor:
        """Scale ``(sequences * heads, L, depth)`` by a factor per head; ``L`` comes first then."""
        return (heads.unflatten(0, (-1, self.num_heads)) * factor).flatten(0, 1).transpose(0, 1)

    def _gather_tables(self, length: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings by pairs of positions, as the products take them, gathered once per size."""
        if not isinstance(length, int):
            # The size is open in an exported graph.
            return self._make_tables(length, like)
        key = length, like.dtype, like.device
        if key not in self._tables:
            tables = self._make_tables(length, like)
            if len(self._tables) == MAX_SIZES:
                self._tables.clear()
            self._tables[key] = tables
        return self._tables[key]

    def _make_tables(self, length: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        index = relative_positions(length, like.device)
        query, key, value = (
            table.weight.to(like)[index] for table in (self.query_rpe, self.key_rpe, self.value_rpe)
        )
        return query.transpose(1, 2).contiguous(), key.permute(1, 2, 0).contiguous(), value


def _split_heads(
    qkv: Tensor, widths: Sequence[int], num_heads: int, axis: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Split ``(B, C, H, W)`` into queries, keys, values of ``(B * X * heads, L, depth)``."""
    order = (0, 2, 3, 1, 4) if axis == HEIGHT else (0, 1, 3, 2, 4)
    # Split with the channels last, so that the gradient, put together again, has them last too.
    query, key, value = (
        part.unflatten(3, (num_heads, -1)).permute(order).flatten(0, 2)
        for part in qkv.permute(0, 2, 3, 1).split(widths, dim=3)
    )
    return query, key, value


def _to_map(parts: Tensor, axis: int) -> Tensor:
    """Make a map ``(B, T * heads * depth, H, W)`` of ``(T, B, X, heads, L, depth)``."""
    order = (1, 4, 2, 0, 3, 5) if axis == HEIGHT else (1, 2, 4, 0, 3, 5)
    # Channels last, as the convolution that follows wants it.
    return parts.permute(order).flatten(3).permute(0, 3, 1, 2)


def relative_positions(length: int, device: torch.device) -> Tensor:
    """Rows of the tables of embeddings ``(L, L)`` for each pair of positions."""
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
        x = self.height_axis(x, HEIGHT)[:, :, :: self.stride]
        return self.width_axis(x, WIDTH)[..., :: self.stride]
