_base_ = [
    './_base_/models/kmax_convnext-l.py',
    './_base_/models/cityscapes.py',
    './_base_/datasets/cityscapes_panoptic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime.py',
]

model = _base_.model_on_cityscapes
