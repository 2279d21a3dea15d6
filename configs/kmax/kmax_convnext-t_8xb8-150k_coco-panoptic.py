_base_ = [
    './_base_/models/kmax_convnext-t.py',
    './_base_/datasets/coco_panoptic.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]
