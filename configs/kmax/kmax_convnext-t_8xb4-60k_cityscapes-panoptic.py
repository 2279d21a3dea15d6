_base_ = [
    './_base_/models/kmax_convnext-t.py',
    './_base_/models/cityscapes.py',
    './_base_/datasets/cityscapes_panoptic.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.2), **_base_.model_on_cityscapes)
