_base_ = [
    './_base_/models/kmax_convnext-l-port.py',
    './_base_/datasets/coco_panoptic_port.py',
    './_base_/schedules/schedule_150k_port.py',
    './_base_/default_runtime.py',
]
