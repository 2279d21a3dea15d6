"""Which parameters decay, and which learn at the backbone's rate."""

from typing import Any

from mmengine.optim import DefaultOptimWrapperConstructor
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..runtime.values import check_number

PARAMWISE = dict(backbone_lr_mult=0.1)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class KMaXOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Groups parameters as the original does: at most one group per learning rate and decay.

    Only kernels of convolutions and linear layers decay; normalisation, biases, position encodings,
    cluster centres and layer scales do not. The backbone learns at a tenth of the rate.

    Args:
        optim_wrapper_cfg: Config of the optimiser wrapper; its ``optimizer`` must give ``lr`` and
            ``weight_decay``.
        paramwise_cfg: ``backbone_lr_mult`` overrides the backbone's share of the learning rate.

    Raises:
        ValueError: If ``paramwise_cfg`` holds another key, or ``optimizer`` lacks one.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None
    ) -> None:
        unknown = sorted(set(paramwise_cfg or {}) - set(PARAMWISE))
        if unknown:
            raise ValueError(f'paramwise_cfg knows only backbone_lr_mult, but holds {unknown}')
        super().__init__(optim_wrapper_cfg, {**PARAMWISE, **(paramwise_cfg or {})})
        check_number('paramwise_cfg.backbone_lr_mult', self.paramwise_cfg['backbone_lr_mult'], 0)
        if self.base_lr is None or self.base_wd is None:
            raise ValueError('optim_wrapper.optimizer must give lr and weight_decay')

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = '',
        is_dcn_module: int | float | None = None,
    ) -> None:
        """Append the groups of ``module`` to ``params``, those of the full learning rate first."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        seen: set[nn.Parameter] = set()
        for module_name, child in module.named_modules():
            in_backbone = module_name.partition('.')[0] == 'backbone'
            for name, param in child.named_parameters(recurse=False):
                if not param.requires_grad or param in seen:
                    continue
                seen.add(param)
                is_kernel = name == 'weight' and isinstance(child, (_ConvNd, nn.Linear))
                groups.setdefault((in_backbone, not is_kernel), []).append(param)
        for (in_backbone, is_exempt), members in sorted(groups.items(), key=lambda item: item[0]):
            lr_mult = self.paramwise_cfg['backbone_lr_mult'] if in_backbone else 1.0
            decay = 0.0 if is_exempt else self.base_wd
            params.append(dict(params=members, lr=self.base_lr * lr_mult, weight_decay=decay))
