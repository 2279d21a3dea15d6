"""Variables of the original TensorFlow checkpoints under our parameter names."""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

SUFFIX = '/.ATTRIBUTES/VARIABLE_VALUE'

# Applied in order, each to the whole name. Patterns match from the start.
_PREDICTOR = {
    '_pixel_space_head/conv_block/_conv1_bn_act': 'pixel_head.conv',
    '_pixel_space_head/final_conv': 'pixel_head.final',
    '_pixel_space_feature_batch_norm': 'pixel_bn',
    '_pixel_space_mask_batch_norm': 'mask_bn',
    '_transformer_mask_head': 'mask_head',
    '_transformer_class_head/_conv': 'class_head',
}
_LAYER = {
    '_memory_conv1_bn_act': 'center_proj',
    '_pixel_conv1_bn_act': 'pixel_proj',
    '_pixel_v_conv_bn': 'kmeans.value',
    '_kmeans_memory_batch_norm_retrieved_value': 'kmeans.retrieved_bn',
    '_kmeans_memory_conv3_bn': 'kmeans.out',
    '_memory_qkv_conv_bn': 'attention.qkv',
    '_memory_attention/_batch_norm_similarity': 'attention.similarity_bn',
    '_memory_attention/_batch_norm_retrieved_value': 'attention.retrieved_bn',
    '_memory_conv3_bn': 'attention.out',
    '_memory_ffn_conv1_bn_act': 'ffn.0',
    '_memory_ffn_conv2_bn': 'ffn.1',
}
_RESNET = {'_conv1_bn_act': '1', '_conv2_bn_act': '2', '_conv3_bn': '3'}
_BLOCK = {
    '_conv1_bn_act': 'conv1',
    '_conv2_bn_act': 'conv2',
    '_conv3_bn': 'conv3',
    '_shortcut': 'shortcut',
}
_AXIS = {
    'qkv_kernel': 'qkv.conv.weight',
    '_batch_norm_qkv': 'qkv.bn',
    '_batch_norm_similarity': 'similarity_bn',
    '_batch_norm_retrieved_output': 'output_bn',
    '_query_rpe': 'query_rpe',
    '_key_rpe': 'key_rpe',
    '_value_rpe': 'value_rpe',
}
_SEMANTIC = {
    'semantic_decoder/_aspp/_conv_bn_act': 'aspp.point',
    'semantic_decoder/_aspp/_aspp_conv1/_conv_bn_act': 'aspp.atrous.0',
    'semantic_decoder/_aspp/_aspp_conv2/_conv_bn_act': 'aspp.atrous.1',
    'semantic_decoder/_aspp/_aspp_conv3/_conv_bn_act': 'aspp.atrous.2',
    'semantic_decoder/_aspp/_aspp_pool/_conv_bn_act': 'aspp.pool',
    'semantic_decoder/_aspp/_proj_conv_bn_act': 'aspp.proj',
    'semantic_decoder/_low_level_conv1': 'low_level.0',
    'semantic_decoder/_low_level_conv2': 'low_level.1',
    'semantic_decoder/_fusion_conv1/_conv1_bn_act': 'fusions.0',
    'semantic_decoder/_fusion_conv2/_conv1_bn_act': 'fusions.1',
    'semantic_head_without_last_layer/_conv1_bn_act': 'head.conv',
    'semantic_last_layer': 'head.final',
}
_LEAVES = {
    '/_conv/': '.conv.',
    '/_batch_norm/': '.bn.',
    '/_depthwise/_depthwise_conv': '.depthwise_conv.conv',
    '/_depthwise': '.depthwise_conv',
    '/_pointwise': '.pointwise_conv',
    '/': '.',
    'depthwise_kernel': 'weight',
    'kernel': 'weight',
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
    'embeddings': 'weight',
}


def _resnet(match: re.Match) -> str:
    stage, block, unit, leaf = match.groups()
    prefix = f'backbone.layer{int(stage) - 1}.{int(block) - 1}'
    kind = leaf.split('/')[0]
    if unit == '_shortcut':
        return f'{prefix}.downsample.{0 if kind == "_conv" else 1}/{leaf.split("/")[1]}'
    return f'{prefix}.{"conv" if kind == "_conv" else "bn"}{_RESNET[unit]}/{leaf.split("/")[1]}'


def _axial_backbone(match: re.Match) -> str:
    stage, block, part = match.groups()
    prefix = f'backbone.stages.{int(stage) - 2}.{int(block) - 1}'
    attention = re.fullmatch(r'_attention/_(height|width)_axis/(.*)', part)
    if attention:
        return f'{prefix}.attention.{attention[1]}_axis.{_replace(attention[2], _AXIS)}'
    return f'{prefix}.{_replace(part, _BLOCK)}'


def _aux(match: re.Match) -> str:
    layer, part = match.groups()
    return f'{_TD}.layers.{layer}.predictor.{_replace(part, _PREDICTOR)}'


def _layer(match: re.Match) -> str:
    layer, part = match.groups()
    return f'{_TD}.layers.{layer}.{_replace(part, _LAYER)}'


def _axial(match: re.Match) -> str:
    stage, block, axis, part = match.groups()
    prefix = f'panoptic_head.pixel_decoder.stages.{stage}.{int(block) - 1}.attention'
    return f'{prefix}.{axis}_axis.{_replace(part, _AXIS)}'


def _block(match: re.Match) -> str:
    stage, block, part = match.groups()
    prefix = f'panoptic_head.pixel_decoder.stages.{stage}.{int(block) - 1}'
    return f'{prefix}.{_replace(part, _BLOCK)}'


def _fusion(match: re.Match) -> str:
    stage, which, part = match.groups()
    return f'panoptic_head.pixel_decoder.fusions.{stage}.{"top" if which == "1" else "skip"}/{part}'


_TD = 'panoptic_head.transformer_decoder'
_KMAX_LAYER = r'transformer_decoder/_kmax_decoder/(\d)/_block1_transformer'
_RULES: tuple[tuple[str, Callable[[re.Match], str]], ...] = (
    (
        r'encoder/_stem/_conv(\d)_bn(?:_act)?/(.*)',
        lambda m: f'backbone.stem.{int(m[1]) - 1}/{m[2]}',
    ),
    (r'encoder/_stem/_conv/(.*)', lambda m: f'backbone.conv1/{m[1]}'),
    (r'encoder/_stem/_batch_norm/(.*)', lambda m: f'backbone.bn1/{m[1]}'),
    (r'encoder/_stage(\d)/_block(\d+)/(_conv\d_bn(?:_act)?|_shortcut)/(.*)', _resnet),
    (
        r'pixel_decoder/_backbone_norms/(\d)/(.*)',
        lambda m: f'panoptic_head.pixel_decoder.norms.{m[1]}/{m[2]}',
    ),
    (r'pixel_decoder/_skip_connections/(\d)/_resized_conv_bn([12])/(.*)', _fusion),
    (r'pixel_decoder/_stages/(\d)/_block(\d)/_attention/_(height|width)_axis/(.*)', _axial),
    (r'pixel_decoder/_stages/(\d)/_block(\d)/(.*)', _block),
    (r'transformer_decoder/cluster_centers', lambda m: f'{_TD}.cluster_centers.weight'),
    (
        r'transformer_decoder/_(class|mask)_embedding_projection/(.*)',
        lambda m: f'{_TD}.{m[1]}_proj/{m[2]}',
    ),
    (_KMAX_LAYER + r'/_auxiliary_clustering_predictor/(.*)', _aux),
    (_KMAX_LAYER + r'/(.*)', _layer),
    (r'(semantic_.*)', lambda m: 'panoptic_head.semantic_decoder.' + _replace(m[1], _SEMANTIC)),
    (
        r'((?:pixel_space|transformer)_.*)',
        lambda m: 'panoptic_head.predictor.' + _replace('_' + m[1], _PREDICTOR),
    ),
)


def _replace(name: str, table: Mapping[str, str]) -> str:
    """Replace the first entry of ``table`` that starts ``name``."""
    for source, target in table.items():
        if name == source or name.startswith(source + '/'):
            return target + name[len(source) :]
    raise KeyError(name)


def torch_name(name: str, axial: bool = False) -> str:
    """Return our name of a variable of the original.

    Raises:
        KeyError: When no rule knows the name.
    """
    rules = _RULES
    if axial:
        rules = ((r'encoder/_stage(\d)/_block(\d+)/(.*)', _axial_backbone), *_RULES)
    for pattern, rule in rules:
        match = re.fullmatch(pattern, name)
        if match:
            try:
                ours = rule(match)
            except KeyError:
                break
            for source, target in _LEAVES.items():
                ours = ours.replace(source, target)
            return ours
    raise KeyError(f"no rule for the TensorFlow variable '{name}'")


def torch_layout(name: str, value: np.ndarray) -> np.ndarray:
    """Return a variable's value in PyTorch's layout: output channels first, norms flat."""
    leaf = name.rsplit('/', 1)[-1]
    if leaf == 'depthwise_kernel':
        return value.transpose(2, 3, 0, 1)
    if leaf == 'kernel' and value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    if leaf == 'kernel' and value.ndim == 3:
        value = value.transpose(2, 1, 0)
        on_pixels = '_pixel_conv1_bn_act' in name or '_pixel_v_conv_bn' in name
        return value[..., None] if on_pixels else value
    if leaf == 'qkv_kernel':
        return value.T[:, :, None, None]
    if leaf == 'cluster_centers':
        return value[0]
    if leaf == 'embeddings':
        return value
    return value.reshape(-1)


def convert_deeplab2(
    variables: Mapping[str, np.ndarray], semantic_order: Sequence[int]
) -> dict[str, Tensor]:
    """Convert variables of the original to a state dict of :class:`KMaXDeepLab`.

    Args:
        variables: Values by checkpoint key, with or without TensorFlow's suffix.
        semantic_order: For every channel of our semantic logits (things, stuff, void) the
            original's channel, which is the data set's id.

    Returns:
        The state dict.

    Raises:
        KeyError: When a variable is unknown.
    """
    state = {}
    axial = any('encoder/_stem/_conv1' in name for name in variables)
    for key, value in variables.items():
        name = key.removesuffix(SUFFIX)
        value = torch_layout(name, np.asarray(value))
        if name.startswith('semantic_last_layer/'):
            value = value[list(semantic_order)]
        state[torch_name(name, axial)] = torch.from_numpy(np.ascontiguousarray(value))
    return state
