"""Workarounds for defects of the OpenMMLab stack, one file each, applied when they are needed.

Each does nothing where upstream works and says under which condition it can be deleted.
``docs/architecture.md`` lists what all of them do to the process.
"""

import importlib
from functools import partial

from ..import_hooks import after_import
from . import mmcv_ext, mmdet_import, mmpretrain_models, panopticapi

AFTER = {
    'cityscapesscripts.evaluation.evalInstanceLevelSemanticLabeling': ['cityscapes_scripts'],
    'cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling': ['cityscapes_scripts'],
    'mmcv.transforms': ['seg_label_maps'],
    'mmdet.apis': [
        *('checked_weights.check_init_detector', 'det_inferencer', 'det_predictions'),
        *('image_inputs', 'inferencer_files'),
    ],
    'mmdet.datasets': ['loading_pipeline'],
    'mmdet.evaluation.metrics.semseg_metric': ['semseg_metric'],
    'mmengine.config': ['mmengine_configs'],
    'mmengine.fileio.backends.local_backend': ['local_backend'],
    'mmengine.hooks': ['metric_rules'],
    'mmengine.infer': ['checked_weights.check_inferencers'],
    'mmengine.logging': ['torch_load'],
    'mmengine.model.weight_init': ['checked_weights.check_initialisation'],
    'mmengine.runner.checkpoint': ['checked_weights.check_where_loaded', 'torch_load.refuse_code'],
    'mmengine.utils.package_utils': ['mmengine_packages'],
    'mmseg.apis': ['seg_inferencer'],
}
"""Of each module that is mended, what does it once it is imported, in this order.

Those on the right are files of this folder, of which ``apply`` is called, or one of its functions.
"""


def apply() -> None:
    """Put in place what must be there before mmdet is imported; let the rest wait for its module.

    Raises:
        ImportError: If mmcv is absent, or an import of mmdet failed before.
    """
    mmcv_ext.apply()
    panopticapi.apply()
    mmpretrain_models.apply()
    for module, repairs in AFTER.items():
        for repair in repairs:
            after_import(module, partial(_repair, repair))
    mmdet_import.apply()


def _repair(name: str) -> None:
    file, _, function = name.partition('.')
    getattr(importlib.import_module(f'.{file}', __name__), function or 'apply')()
