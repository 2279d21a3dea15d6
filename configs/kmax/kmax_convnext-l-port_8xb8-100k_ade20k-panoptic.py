_base_ = [
    './_base_/models/kmax_convnext-l-port.py',
    './_base_/models/ade20k_port.py',
    './_base_/datasets/ade20k_panoptic_port.py',
    './_base_/schedules/schedule_100k.py',
    './_base_/default_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.7), **_base_.model_on_ade20k)
optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
