"""Checkpoints of the PyTorch port, of segmentation."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from torch import Tensor

from .class_order import class_ids
from .conversion import COUNTER, NO_SEMANTIC_DECODER, Plan, first_match
from .deeplab2_names import BLOCK
from .imagenet import CONVNEXT
from .torch_checkpoint import BESIDE

# Each table maps the start of a name, up to a dot, to ours.
_PREDICTOR = {
    '_pixel_space_head_conv0bnact': 'pixel_head.conv.depthwise_conv',
    '_pixel_space_head_conv1bnact': 'pixel_head.conv.pointwise_conv',
    '_pixel_space_head_last_convbn.conv': 'pixel_head.final',
    '_pixel_space_head_last_convbn.norm': 'pixel_bn',
    '_pixel_space_mask_batch_norm': 'mask_bn',
    '_transformer_mask_head': 'mask_head',
    '_transformer_class_head.conv': 'class_head',
}
_LAYER = {
    '_query_conv1_bn_act': 'center_proj',
    '_pixel_conv1_bn_act': 'pixel_proj',
    '_pixel_v_conv_bn': 'kmeans.value',
    '_kmeans_query_batch_norm_retrieved_value': 'kmeans.retrieved_bn',
    '_kmeans_query_conv3_bn': 'kmeans.out',
    '_query_qkv_conv_bn': 'attention.qkv',
    '_query_self_attention._batch_norm_similarity': 'attention.similarity_bn',
    '_query_self_attention._batch_norm_retrieved_value': 'attention.retrieved_bn',
    '_query_conv3_bn': 'attention.out',
    '_query_ffn_conv1_bn_act': 'ffn.0',
    '_query_ffn_conv2_bn': 'ffn.1',
}
_AXIS = {
    'qkv_transform.conv': 'qkv.conv',
    '_batch_norm_qkv': 'qkv.bn',
    '_batch_norm_similarity': 'similarity_bn',
    '_batch_norm_retrieved_output': 'output_bn',
    '_query_rpe._embeddings': 'query_rpe',
    '_key_rpe._embeddings': 'key_rpe',
    '_value_rpe._embeddings': 'value_rpe',
}
_SEMANTIC = {
    '_aspp._aspp_conv0': 'aspp.point',
    '_aspp._aspp_conv1': 'aspp.atrous.0',
    '_aspp._aspp_conv2': 'aspp.atrous.1',
    '_aspp._aspp_conv3': 'aspp.atrous.2',
    '_aspp._aspp_pool': 'aspp.pool',
    '_aspp._proj_conv_bn_act': 'aspp.proj',
    '_low_level_projection_os8': 'low_level.0',
    '_low_level_projection_os4': 'low_level.1',
    '_low_level_fusion_os8_conv0_bn_act': 'fusions.0.depthwise_conv',
    '_low_level_fusion_os8_conv1_bn_act': 'fusions.0.pointwise_conv',
    '_low_level_fusion_os4_conv0_bn_act': 'fusions.1.depthwise_conv',
    '_low_level_fusion_os4_conv1_bn_act': 'fusions.1.pointwise_conv',
    'conv_block_0': 'head.conv.depthwise_conv',
    'conv_block_1': 'head.conv.pointwise_conv',
    'final_conv.conv': 'head.final',
    # Cityscapes: the head alone.
    '0': 'head.conv.depthwise_conv',
    '1': 'head.conv.pointwise_conv',
    '2.conv': 'head.final',
}
_PIXEL = 'panoptic_head.pixel_decoder'
_TRANSFORMER = 'panoptic_head.transformer_decoder'
_PORT_PIXEL = r'sem_seg_head\.pixel_decoder'
_PORT_TRANSFORMER = r'sem_seg_head\.predictor'
_PORT_LAYER = _PORT_TRANSFORMER + r'\._kmax_transformer_layers\.(\d)'
_PORT_BLOCK = _PORT_PIXEL + r'\._stages\.(\d)\._blocks\.(\d+)'


def _resnet(match: re.Match) -> str:
    stage, block, unit, norm, leaf = match.groups()
    prefix = f'backbone.layer{int(stage) - 1}.{block}'
    if unit == 'shortcut':
        return f'{prefix}.downsample.{1 if norm else 0}.{leaf}'
    return f'{prefix}.{"bn" if norm else "conv"}{unit[-1]}.{leaf}'


def _fusion(match: re.Match) -> str:
    side = 'top' if match[2] == 'low' else 'skip'
    return f'{_PIXEL}.fusions.{match[1]}.{side}.{_unit(match[3])}'


def _unit(name: str) -> str:
    """Name of a parameter within a unit of convolution and norm."""
    return re.sub(r'\bnorm\.', 'bn.', name)


def _replace(name: str, table: Mapping[str, str]) -> str:
    for source, target in table.items():
        if name == source or name.startswith(source + '.'):
            return target + _unit(name[len(source) :])
    raise KeyError(name)


_RULES: tuple[tuple[str, Callable[[re.Match], str]], ...] = (
    (r'backbone\.stem\.conv1\.norm\.(.*)', lambda m: f'backbone.bn1.{m[1]}'),
    (r'backbone\.stem\.conv1\.(weight)', lambda m: f'backbone.conv1.{m[1]}'),
    (r'backbone\.res(\d)\.(\d+)\.(conv[123]|shortcut)\.(norm\.)?(\w+)', _resnet),
    (r'(backbone\.downsample_layers\.[0-3]\.[01]\.(?:weight|bias))', lambda m: m[1]),
    (
        r'(backbone\.stages\.\d\.\d+)\.(\w+)(\.\w+)?',
        lambda m: f'{m[1]}.{CONVNEXT[m[2]]}{m[3] or ""}',
    ),
    (_PORT_PIXEL + r'\._in_norms\.(.*)', lambda m: f'{_PIXEL}.norms.{m[1]}'),
    (_PORT_PIXEL + r'\._resized_fuses\.(\d)\._conv_bn_(low|high)\.(.*)', _fusion),
    (
        _PORT_BLOCK + r'\._attention\._(height|width)_axis\.(.*)',
        lambda m: f'{_PIXEL}.stages.{m[1]}.{m[2]}.attention.{m[3]}_axis.{_replace(m[4], _AXIS)}',
    ),
    (_PORT_BLOCK + r'\.(.*)', lambda m: f'{_PIXEL}.stages.{m[1]}.{m[2]}.{_replace(m[3], BLOCK)}'),
    (
        _PORT_TRANSFORMER + r'\._cluster_centers\.weight',
        lambda m: f'{_TRANSFORMER}.cluster_centers.weight',
    ),
    (
        _PORT_TRANSFORMER + r'\._(class|mask)_embedding_projection\.(.*)',
        lambda m: f'{_TRANSFORMER}.{m[1]}_proj.{_unit(m[2])}',
    ),
    # The port's checkpoints misspell the predictor.
    (
        _PORT_LAYER + r'\._predcitor\.(.*)',
        lambda m: f'{_TRANSFORMER}.layers.{m[1]}.predictor.{_replace(m[2], _PREDICTOR)}',
    ),
    (_PORT_LAYER + r'\.(.*)', lambda m: f'{_TRANSFORMER}.layers.{m[1]}.{_replace(m[2], _LAYER)}'),
    (
        _PORT_TRANSFORMER + r'\._predcitor\.(.*)',
        lambda m: f'panoptic_head.predictor.{_replace(m[1], _PREDICTOR)}',
    ),
    (
        _PORT_TRANSFORMER + r'\._auxiliary_semantic_predictor\.(.*)',
        lambda m: f'panoptic_head.semantic_decoder.{_replace(m[1], _SEMANTIC)}',
    ),
)


def our_name(name: str) -> str:
    """Return our name of a parameter or buffer of the port, or raise ``KeyError``."""
    for pattern, rule in _RULES:
        match = re.fullmatch(pattern, name)
        if match:
            try:
                return rule(match)
            except KeyError:
                break
    raise KeyError(f"no rule for the port's parameter '{name}'")


def plan(keys: Collection[str], model: Any) -> Plan:
    """Decide about the tensors of a checkpoint."""
    reasons = dict(BESIDE)
    if model.panoptic_head.semantic_decoder is None:
        reasons[_PORT_TRANSFORMER + r'\._auxiliary_semantic_predictor\..*'] = NO_SEMANTIC_DECODER
    return Plan.by_rules(keys, our_name, partial(first_match, reasons))


def layout(key: str, value: Tensor) -> Tensor:
    """Return a tensor in our layout: axial attention convolves in two dimensions."""
    if key.endswith('_axis.qkv_transform.conv.weight'):
        return value[..., None]
    if key.endswith('._cluster_centers.weight'):
        return value.t()
    return value


def class_rows(plan: Plan, model: Any) -> dict[str, list[int]]:
    """Return the row of each of our classes in the heads.

    The class heads follow the data set's order, void last, and so does the semantic head of weights
    trained with the port. The port's own converter left the semantic heads of the original as they
    are, and wrote no counts of batches, by which its files are known.
    """
    head = model.panoptic_head
    ids = class_ids(head.num_things_classes, head.num_stuff_classes)
    num_classes = head.num_classes
    classes = [*ids.dataset_order, num_classes]
    semantic = classes[:num_classes] if ids.void is None else classes
    if not any(name.endswith(COUNTER) for name in plan.targets.values()):
        semantic = ids.semantic_order
    orders = {r'.*\.class_head\.\w+': classes, r'.*\.semantic_decoder\.head\.final\.\w+': semantic}
    rows = {}
    for key, name in plan.targets.items():
        for pattern, order in orders.items():
            if re.fullmatch(pattern, name):
                rows[key] = order
    return rows
