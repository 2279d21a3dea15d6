"""Configs of the published models, by the names under which their checkpoints are recorded."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from projects.kmax.engine.model_cost import build_on_meta

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'kmax'
COCO, CITYSCAPES = '8xb8-150k_coco-panoptic', '8xb4-60k_cityscapes-panoptic'
ADE20K = '8xb8-100k_ade20k-panoptic'
SIZES = ('tiny', 'small', 'base', 'large')
CONVNEXT = {f'convnext_{size}': f'convnext-{size[0]}' for size in SIZES}
SHORT = {'r50': 'r50', 'axial_r50': 'axial-r50', **CONVNEXT}
ORIGINAL = {
    **{f'coco_{theirs}': f'kmax_{ours}_{COCO}' for theirs, ours in SHORT.items()},
    **{f'cityscapes_{theirs}': f'kmax_{ours}_{CITYSCAPES}' for theirs, ours in SHORT.items()},
    **{
        f'ade20k_{backbone}_{size}': f'kmax_{SHORT[backbone]}_{ADE20K}-{size}x{size}'
        for backbone in ('r50', 'convnext_large')
        for size in (641, 1281)
    },
}
PORT = {
    **{b: f'kmax_{SHORT[b]}-port_{COCO}' for b in SHORT if b != 'axial_r50'},
    **{f'city_{b}': f'kmax_{SHORT[b]}-port_{CITYSCAPES}' for b in ('r50', 'convnext_large')},
    **{f'ade_{b}': f'kmax_{SHORT[b]}-port_{ADE20K}' for b in ('r50', 'convnext_large')},
}
# Formats, names of checkpoints and configs.
RELEASED = [
    (form, case, config)
    for form, configs in dict(deeplab2=ORIGINAL, port=PORT).items()
    for case, config in configs.items()
]


def build(name, **changes):
    """Return a config and its model without memory or values; arguments change the model."""
    config = Config.fromfile(FOLDER / f'{name}.py')
    config.merge_from_dict(dict(model=changes))
    init_default_scope(config.default_scope)
    return config, build_on_meta(config.model)
