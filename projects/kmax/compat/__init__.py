"""Workarounds for defects of the OpenMMLab stack, one file each, applied when this is imported.

Each does nothing where upstream works and says under which condition it can be deleted. The order
matters: ``mmcv_ext`` and ``panopticapi`` must be in place before mmdet is first imported.
``docs/architecture.md`` lists what all of them do to the process.
"""

from . import (
    checked_weights,
    cityscapes_scripts,
    det_inferencer,
    det_predictions,
    image_inputs,
    inferencer_files,
    loading_pipeline,
    local_backend,
    metric_rules,
    mmcv_ext,
    mmdet_import,
    mmengine_configs,
    mmengine_packages,
    mmpretrain_models,
    panopticapi,
    seg_inferencer,
    seg_label_maps,
    semseg_metric,
    torch_load,
)

mmcv_ext.apply()
panopticapi.apply()
mmengine_packages.apply()
mmengine_configs.apply()
torch_load.apply()
metric_rules.apply()
mmpretrain_models.apply()
mmdet_import.apply()
cityscapes_scripts.apply()
checked_weights.apply()
det_inferencer.apply()
det_predictions.apply()
image_inputs.apply()
inferencer_files.apply()
loading_pipeline.apply()
seg_inferencer.apply()
seg_label_maps.apply()
semseg_metric.apply()
local_backend.apply()
