_base_ = [
    './_base_/models/kmax_r50-port.py',
    './_base_/models/cityscapes_port.py',
    './_base_/datasets/cityscapes_panoptic_port.py',
    './_base_/schedules/schedule_60k.py',
    './_base_/default_runtime.py',
]

model = _base_.model_on_cityscapes
# The port takes the stem, at stride 4 after its pool, before the first stage.
model.panoptic_head.pixel_decoder.in_indices = (4, 3, 2, 0, 1)
optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
