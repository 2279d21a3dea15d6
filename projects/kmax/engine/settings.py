"""What kMaX reads from a config, for the check that no setting is misspelt."""

from collections.abc import Iterable
from dataclasses import fields

from mmengine.config import Config

from ..models.detector import KMaXDeepLab
from ..models.postprocess import PostprocessConfig
from ..models.targets import build_targets
from ..runtime.config_check import OwnSettings, check_keys
from ..runtime.known_settings import arguments
from .optimizer_constructor import PARAMWISE, KMaXOptimWrapperConstructor

OWN = OwnSettings(
    package='projects.',
    top_level=frozenset({'tta_model', 'tta_pipeline'}),
    parts={
        KMaXDeepLab: {
            'train_cfg': arguments(build_targets) - {'batch_data_samples', 'num_things_classes'},
            'test_cfg': {field.name for field in fields(PostprocessConfig)},
        },
        KMaXOptimWrapperConstructor: {'paramwise_cfg': set(PARAMWISE)},
    },
)


def check_settings(
    cfg: Config, own_names: Iterable[str] = (), overrides: Iterable[str] = ()
) -> None:
    """Refuse misspelt settings, as :func:`check_keys` does for mmengine's alone."""
    check_keys(cfg, own_names, overrides, OWN)
