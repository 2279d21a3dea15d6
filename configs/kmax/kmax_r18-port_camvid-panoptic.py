"""kmax_r18_camvid-panoptic.py in the PyTorch port's recipe, copy-paste included."""

_base_ = ['./kmax_r18_camvid-panoptic.py', './_base_/models/port_small.py']

from kmax_deeplab.config_parts import port_train

model = _base_.model_of_port
optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
# Segments are left out below about the same share of the crop as on COCO.
train_pipeline = port_train(_base_.crop_size, scale_range=(0.75, 1.5), min_pixels=128)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
