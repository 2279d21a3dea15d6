"""ImageNet weights of other projects: their names of ResNet's and ConvNeXt's parameters."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial

from torch import Tensor, nn

from .conversion import BACKBONE_ONLY, Plan, first_match
from .torch_checkpoint import BESIDE

_CLASSIFIER = 'of the classifier on ImageNet'

# Parts of a ConvNeXt block.
_TORCHVISION = {
    'layer_scale': 'gamma',
    'block.0': 'depthwise_conv',
    'block.2': 'norm',
    'block.3': 'pointwise_conv1',
    'block.5': 'pointwise_conv2',
}
_TIMM = {
    'gamma': 'gamma',
    'conv_dw': 'depthwise_conv',
    'norm': 'norm',
    'mlp.fc1': 'pointwise_conv1',
    'mlp.fc2': 'pointwise_conv2',
}
CONVNEXT = {
    'gamma': 'gamma',
    'dwconv': 'depthwise_conv',
    'norm': 'norm',
    'pwconv1': 'pointwise_conv1',
    'pwconv2': 'pointwise_conv2',
}
"""Parts of a block in ConvNeXt's own repository, and ours."""

_Rules = dict[str, Callable[[re.Match], str]]
_RESNET: _Rules = {
    r'((?:conv1|bn1|layer[1-4]\.\d+\.(?:conv[123]|bn[123]|downsample\.[01]))\.\w+)': lambda m: m[1],
}


def _part(parts: Mapping[str, str], name: str) -> str:
    for theirs, ours in parts.items():
        if name == theirs or name.startswith(theirs + '.'):
            return ours + name[len(theirs) :]
    raise KeyError(name)


# torchvision counts the stem, stages and downsamplings between them in one sequence.
_TORCHVISION_RULES: _Rules = _RESNET | {
    r'features\.0\.([01]\..*)': lambda m: f'downsample_layers.0.{m[1]}',
    r'features\.([246])\.([01]\..*)': lambda m: f'downsample_layers.{int(m[1]) // 2}.{m[2]}',
    r'features\.([1357])\.(\d+)\.(.*)': lambda m: (
        f'stages.{int(m[1]) // 2}.{m[2]}.{_part(_TORCHVISION, m[3])}'
    ),
}
_TIMM_RULES: _Rules = _RESNET | {
    r'stem\.([01]\..*)': lambda m: f'downsample_layers.0.{m[1]}',
    r'stages\.([123])\.downsample\.([01]\..*)': lambda m: f'downsample_layers.{m[1]}.{m[2]}',
    r'stages\.([0-3])\.blocks\.(\d+)\.(.*)': lambda m: f'stages.{m[1]}.{m[2]}.{_part(_TIMM, m[3])}',
}
_CONVNEXT_RULES: _Rules = {
    r'(downsample_layers\.[0-3]\.[01]\..*)': lambda m: m[1],
    r'(stages\.[0-3]\.\d+)\.(.*)': lambda m: f'{m[1]}.{_part(CONVNEXT, m[2])}',
}
_PROJECTS = {
    'torchvision': (_TORCHVISION_RULES, r'(fc|classifier\.[02])\.(weight|bias)'),
    'timm': (_TIMM_RULES, r'(fc|head\.fc|head\.norm)\.(weight|bias)'),
    'convnext': (_CONVNEXT_RULES, r'(head|norm)\.(weight|bias)'),
}


def _our_name(rules: _Rules, name: str) -> str:
    for pattern, rule in rules.items():
        match = re.fullmatch(pattern, name)
        if match:
            return f'backbone.{rule(match)}'
    raise KeyError(name)


def plan(project: str, keys: Collection[str], model: nn.Module) -> Plan:
    """Decide about the parameters of a classifier: its backbone is used."""
    rules, classifier = _PROJECTS[project]
    reasons = {classifier: _CLASSIFIER, **BESIDE}
    return Plan.by_rules(
        keys, partial(_our_name, rules), partial(first_match, reasons), BACKBONE_ONLY
    )


def layout(key: str, value: Tensor) -> Tensor:
    """Return a parameter in our layout: torchvision's layer scales have three dimensions."""
    return value.flatten() if key.endswith('.layer_scale') else value
