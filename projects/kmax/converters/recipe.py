"""Settings that change what a network computes, but not the shapes of its weights."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class _Switch(NamedTuple):
    """A setting of a model's part: its path, what is the default, and what the port has."""

    path: str
    default: Any
    port: Any
    of_type: str | None = None

    def is_port(self, model: Mapping[str, Any]) -> bool | None:
        """Return whether a model has the port's value; None where its part has no such setting."""
        *parts, name = self.path.split('.')
        settings: Any = model
        for part in parts:
            settings = settings.get(part) or {}
        if self.of_type and settings.get('type') != self.of_type:
            return None
        return settings.get(name, self.default) == self.port


_HEAD = 'panoptic_head.'
_SEMANTIC = (_HEAD + 'semantic_decoder.', 'KMaXSemanticDecoder')
_SWITCHES = (
    _Switch('backbone.stem_pool', False, True, 'KMaXResNet'),
    _Switch('backbone.activate_outputs', False, True, 'KMaXResNet'),
    _Switch('backbone.padding', 'odd', 'always', 'KMaXConvNeXt'),
    _Switch(_HEAD + 'pixel_decoder.dilation', 2, 1),
    _Switch(_HEAD + 'pixel_decoder.align_corners', True, 'odd_width'),
    _Switch(_HEAD + 'transformer_decoder.norm_eps', 1e-6, 1e-12),
    _Switch(_SEMANTIC[0] + 'act', 'relu', None, _SEMANTIC[1]),
    _Switch(_SEMANTIC[0] + 'align_corners', True, 'odd_width', _SEMANTIC[1]),
    _Switch('test_cfg.postprocess', 'deeplab2', 'port'),
)


def other_settings(model: Mapping[str, Any], port: bool) -> list[str]:
    """Return the settings of a config's model that are not those of the port, or the original."""
    return [switch.path for switch in _SWITCHES if switch.is_port(model) is (not port)]
