"""Which of the published models weights belong to, as far as their names and shapes tell."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from mmpretrain.models.backbones.resnet import Bottleneck

from ..models.backbones import KMaXConvNeXt, KMaXResNet
from .class_order import DATA_SETS

CLASSES = 'panoptic_head.predictor.class_head.weight'
QUERIES = 'panoptic_head.transformer_decoder.cluster_centers.weight'
HINT = (
    '; convert with the config of the data set that it was trained on, then fine-tune to other '
    'classes with load_from and tools/train.py --new-classes'
)

_Shape = Callable[[str], Sequence[int]]


class Identity(NamedTuple):
    """What tells published models apart; None where weights do not tell."""

    backbone: str | None
    classes: str | None
    queries: str | None


def identify(names: Collection[str], shape: _Shape) -> Identity:
    """Recognise weights by their names in our models, and by some of their shapes."""
    classes = queries = None
    if CLASSES in names:
        number = shape(CLASSES)[0] - 1
        data_sets = [d.name for d in DATA_SETS if len(d.things) + len(d.stuff) == number]
        classes = f'{number} classes' + (f' ({data_sets[0]})' if data_sets else '')
    if QUERIES in names:
        queries = f'{shape(QUERIES)[0]} queries'
    return Identity(_backbone(names, shape), classes, queries)


def differences(checkpoint: Identity, config: Identity) -> str | None:
    """Say in what a checkpoint is not one of the config's model; None if in nothing."""
    pairs = {
        field: (theirs, ours)
        for field, theirs, ours in zip(Identity._fields, checkpoint, config, strict=True)
        if theirs and ours and theirs != ours
    }
    if not pairs:
        return None
    theirs, ours = (', '.join(x) for x in zip(*pairs.values(), strict=True))
    hint = HINT if 'classes' in pairs else ''
    return f"the checkpoint has {theirs}, but the config's model has {ours}{hint}"


def _backbone(names: Collection[str], shape: _Shape) -> str | None:
    blocks = {
        match.groups()
        for match in (re.match(r'backbone\.(?:layer|stages\.)(\d)\.(\d+)\.', n) for n in names)
        if match
    }
    stages = sorted({stage for stage, _ in blocks})
    depths = tuple(sum(of == stage for of, _ in blocks) for stage in stages)
    if 'backbone.conv1.weight' in names:
        return _resnet(depths, 'backbone.layer1.0.conv3.weight' in names)
    if 'backbone.downsample_layers.0.0.weight' in names:
        return _convnext(depths, shape('backbone.downsample_layers.0.0.weight')[0])
    if 'backbone.stem.0.conv.weight' in names:
        return 'AxialResNet (MaX-S)'
    return 'another backbone' if any(n.startswith('backbone.') for n in names) else None


def _resnet(depths: tuple[int, ...], bottleneck: bool) -> str:
    for depth, (block, stages) in KMaXResNet.arch_settings.items():
        if (stages, issubclass(block, Bottleneck)) == (depths, bottleneck):
            return f'ResNet-{depth}'
    return f'ResNet of {depths} blocks'


def _convnext(depths: tuple[int, ...], width: int) -> str:
    for name, arch in KMaXConvNeXt.arch_settings.items():
        if (tuple(arch['depths']), arch['channels'][0]) == (depths, width):
            return f'ConvNeXt-{name}'
    return f'ConvNeXt of {depths} blocks and width {width}'
