"""ResNet whose stages leave their last activation to the consumer."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from mmdet.registry import MODELS
from mmpretrain.models.backbones.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor

from ...runtime.values import check_counts, check_number
from ..layers import BN, recompute


class _PreActivation:
    """Residual block that activates its input instead of its output."""

    with_cp: bool
    drop_path: Callable[[Tensor], Tensor]
    downsample: Callable[[Tensor], Tensor] | None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same or half the size."""
        if self.with_cp and x.requires_grad:
            return recompute(self._forward, x)
        return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        out = self._branch(x)
        return self.drop_path(out) + (x if self.downsample is None else self.downsample(x))

    def _branch(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class PreActBasicBlock(_PreActivation, BasicBlock):
    """Two 3x3 convolutions."""

    def _branch(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        return self.norm2(self.conv2(out))


class PreActBottleneck(_PreActivation, Bottleneck):
    """1x1, 3x3 and 1x1 convolution."""

    def _branch(self, x: Tensor) -> Tensor:
        out = self.relu(self.norm1(self.conv1(x)))
        out = self.relu(self.norm2(self.conv2(out)))
        return self.norm3(self.conv3(out))


@MODELS.register_module()
class KMaXResNet(ResNet):
    """mmpretrain's ResNet as deeplab2 uses it; parameter names and shapes are mmpretrain's.

    In the original every stage halves the size in its first block, the first stage in place of
    the stem's pool, and outputs are not activated. The port has the pool, and activates.

    Args:
        depth: 18, 34, 50, 101 or 152.
        stem_pool: Whether a max-pool ends the stem; the first stage then keeps the size.
        activate_outputs: Whether to activate the outputs.
        norm_cfg: Config of the batch norms; the original's by default.
        frozen_stages: How many stages keep their weights and statistics, after the stem, which 0
            freezes alone; -1 freezes nothing.
        **kwargs: Further arguments of mmpretrain's ``ResNet``, such as ``norm_eval`` for all batch
            norms to keep their statistics in training, but neither ``deep_stem`` nor
            ``out_indices``: the stem is plain, and all stages are returned.

    Raises:
        TypeError: If one of those two is given.
        ValueError: If there are not so many stages to freeze.
    """

    arch_settings = {
        18: (PreActBasicBlock, (2, 2, 2, 2)),
        34: (PreActBasicBlock, (3, 4, 6, 3)),
        50: (PreActBottleneck, (3, 4, 6, 3)),
        101: (PreActBottleneck, (3, 4, 23, 3)),
        152: (PreActBottleneck, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int,
        stem_pool: bool = False,
        activate_outputs: bool = False,
        norm_cfg: dict = BN,
        frozen_stages: int = -1,
        **kwargs: Any,
    ) -> None:
        for name in ('deep_stem', 'out_indices'):
            if name in kwargs:
                raise TypeError(f'KMaXResNet does not take {name}')
        widths = ('base_channels', 'stem_channels')
        check_counts('KMaXResNet', **{name: kwargs[name] for name in widths if name in kwargs})
        strides = (1 if stem_pool else 2, 2, 2, 2)
        check_number('KMaXResNet.frozen_stages', frozen_stages, -1, len(strides), whole=True)
        kwargs = dict(strides=strides, init_cfg=dict(type='KerasInit')) | kwargs
        super().__init__(depth, norm_cfg=norm_cfg, frozen_stages=frozen_stages, **kwargs)
        self.stem_pool = stem_pool
        self.activate_outputs = activate_outputs
        if not stem_pool:
            del self.maxpool

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return features of ``(B, 3, H, W)`` at strides 2 (stem; 4 with a pool), 4, 8, 16, 32."""
        x = self.norm1(self.conv1(x))
        if self.stem_pool:
            # Pooling and activating commute.
            x = self.maxpool(x)
        outs = [x]
        for name in self.res_layers:
            x = getattr(self, name)(x)
            outs.append(x)
        return tuple(F.relu(out) for out in outs) if self.activate_outputs else tuple(outs)
