"""Variables of the original TensorFlow checkpoints: our parameter names and layouts."""

import re
from collections.abc import Callable, Collection, Mapping

from torch import Tensor

# The modules below each place, by the start of their names.
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
BLOCK = {
    '_conv1_bn_act': 'conv1',
    '_conv2_bn_act': 'conv2',
    '_conv3_bn': 'conv3',
    '_shortcut': 'shortcut',
}
"""Parts of a block of the pixel decoder, which the port names alike."""
_AXIS = {
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
# Components that may follow the names above, and what a module may hold.
_UNITS = {
    '_conv': 'conv',
    '_batch_norm': 'bn',
    '_depthwise': 'depthwise_conv',
    '_depthwise_conv': 'conv',
    '_pointwise': 'pointwise_conv',
}
_PARAMETERS = {
    'kernel': 'weight',
    'depthwise_kernel': 'weight',
    'bias': 'bias',
    'gamma': 'weight',
    'beta': 'bias',
    'moving_mean': 'running_mean',
    'moving_variance': 'running_var',
    'embeddings': 'weight',
    'qkv_kernel': 'qkv.conv.weight',
    'cluster_centers': 'cluster_centers.weight',
    'layer_scale': 'gamma',
}

_DECODER = 'panoptic_head.transformer_decoder'
_PIXELS = 'panoptic_head.pixel_decoder'
_LAYER_PATH = r'transformer_decoder/_kmax_decoder/(\d)/_block1_transformer'
_AXIS_PATH = r'_attention/_(height|width)_axis(?:/(.*))?'


def _replace(path: str, table: Mapping[str, str]) -> str:
    """Replace the start of ``path``; what follows must be known units."""
    for source, target in table.items():
        if path == source or path.startswith(source + '/'):
            return '.'.join([target, *_units(path[len(source) + 1 :])])
    raise KeyError(path)


def _units(path: str) -> list[str]:
    return [_UNITS[part] for part in path.split('/')] if path else []


def _block(prefix: str, block: str, path: str) -> str:
    """A block of the pixel decoder or the axial backbone."""
    prefix = f'{prefix}.{int(block) - 1}'
    axis = re.fullmatch(_AXIS_PATH, path)
    if axis is None:
        return f'{prefix}.{_replace(path, BLOCK)}'
    prefix = f'{prefix}.attention.{axis[1]}_axis'
    return f'{prefix}.{_replace(axis[2], _AXIS)}' if axis[2] else prefix


def _resnet_block(match: re.Match) -> str:
    stage, block, unit, kind = match.groups()
    prefix = f'backbone.layer{int(stage) - 1}.{int(block) - 1}'
    if unit == '_shortcut':
        return f'{prefix}.downsample.{0 if kind == "_conv" else 1}'
    return f'{prefix}.{"conv" if kind == "_conv" else "bn"}{_RESNET[unit]}'


def _fusion(match: re.Match) -> str:
    stage, which, unit = match.groups()
    return f'{_PIXELS}.fusions.{stage}.{"top" if which == "1" else "skip"}.{_UNITS[unit]}'


_Rules = tuple[tuple[str, Callable[[re.Match], str]], ...]
_RESNET_RULES: _Rules = (
    (r'encoder/_stem/_conv', lambda m: 'backbone.conv1'),
    (r'encoder/_stem/_batch_norm', lambda m: 'backbone.bn1'),
    (
        r'encoder/_stage(\d)/_block(\d+)/(_conv\d_bn(?:_act)?|_shortcut)/(_conv|_batch_norm)',
        _resnet_block,
    ),
)
_AXIAL_RULES: _Rules = (
    (
        r'encoder/_stem/_conv(\d)_bn(?:_act)?/(_conv|_batch_norm)',
        lambda m: f'backbone.stem.{int(m[1]) - 1}.{_UNITS[m[2]]}',
    ),
    (
        r'encoder/_stage(\d)/_block(\d+)/(.*)',
        lambda m: _block(f'backbone.stages.{int(m[1]) - 2}', m[2], m[3]),
    ),
)
_CONVNEXT_RULES: _Rules = (
    (
        r'encoder/downsample_layers/(\d)/layer_with_weights-(\d)',
        lambda m: f'backbone.downsample_layers.{m[1]}.{m[2]}',
    ),
    (
        r'encoder/stages/(\d)/layer_with_weights-(\d+)',
        lambda m: f'backbone.stages.{m[1]}.{m[2]}',
    ),
    (
        r'encoder/stages/(\d)/layer_with_weights-(\d+)/(depthwise_conv|norm|pointwise_conv[12])',
        lambda m: f'backbone.stages.{m[1]}.{m[2]}.{m[3]}',
    ),
)
_HEAD_RULES: _Rules = (
    (r'pixel_decoder/_backbone_norms/(\d)', lambda m: f'{_PIXELS}.norms.{m[1]}'),
    (
        r'pixel_decoder/_skip_connections/(\d)/_resized_conv_bn([12])/(_conv|_batch_norm)',
        _fusion,
    ),
    (
        r'pixel_decoder/_stages/(\d)/_block(\d+)/(.*)',
        lambda m: _block(f'{_PIXELS}.stages.{m[1]}', m[2], m[3]),
    ),
    (r'transformer_decoder', lambda m: _DECODER),
    (
        r'transformer_decoder/_(class|mask)_embedding_projection/(_conv|_batch_norm)',
        lambda m: f'{_DECODER}.{m[1]}_proj.{_UNITS[m[2]]}',
    ),
    (
        _LAYER_PATH + r'/_auxiliary_clustering_predictor/(.*)',
        lambda m: f'{_DECODER}.layers.{m[1]}.predictor.{_replace(m[2], _PREDICTOR)}',
    ),
    (_LAYER_PATH + r'/(.*)', lambda m: f'{_DECODER}.layers.{m[1]}.{_replace(m[2], _LAYER)}'),
    (
        r'semantic_.*',
        lambda m: f'panoptic_head.semantic_decoder.{_replace(m[0], _SEMANTIC)}',
    ),
    (
        r'(?:pixel_space|transformer)_.*',
        lambda m: f'panoptic_head.predictor.{_replace("_" + m[0], _PREDICTOR)}',
    ),
)


class Names:
    """Our names of the variables of one checkpoint.

    Blocks of ResNet and MaX-S have the same names in the original, and differ in their stems, so
    that it needs to know all names; they lack TensorFlow's suffix.
    """

    def __init__(self, names: Collection[str]) -> None:
        encoder = _RESNET_RULES
        if any(name.startswith('encoder/_stem/_conv1_bn_act/') for name in names):
            encoder = _AXIAL_RULES
        elif any(name.startswith('encoder/downsample_layers/') for name in names):
            encoder = _CONVNEXT_RULES
        self._rules = encoder + _HEAD_RULES

    def __getitem__(self, name: str) -> str:
        """Return our name of a variable, or raise ``KeyError``."""
        path, _, leaf = name.rpartition('/')
        for pattern, rule in self._rules:
            match = re.fullmatch(pattern, path)
            if match:
                try:
                    return f'{rule(match)}.{_PARAMETERS[leaf]}'
                except KeyError:
                    break
        raise KeyError(f"no rule for the TensorFlow variable '{name}'")


def torch_layout(name: str, value: Tensor) -> Tensor:
    """Return a variable's value in PyTorch's layout: output channels first, norms flat."""
    leaf = name.rpartition('/')[2]
    if leaf == 'depthwise_kernel':
        return value.permute(2, 3, 0, 1)
    if leaf == 'kernel' and value.ndim == 4:
        return value.permute(3, 2, 0, 1)
    if leaf == 'kernel' and value.ndim == 3:
        value = value.permute(2, 1, 0)
        on_pixels = '_pixel_conv1_bn_act' in name or '_pixel_v_conv_bn' in name
        return value[..., None] if on_pixels else value
    if leaf == 'kernel':
        return value.t()
    if leaf == 'qkv_kernel':
        return value.t()[:, :, None, None]
    if leaf == 'cluster_centers':
        return value[0]
    if leaf == 'embeddings':
        return value
    return value.flatten()
