_base_ = [
    './_base_/models/kmax_convnext-l-port.py',
    './_base_/datasets/coco_panoptic_port.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]

optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
