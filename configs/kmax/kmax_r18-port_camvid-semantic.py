"""kmax_r18_camvid-semantic.py in the PyTorch port's recipe."""

_base_ = ['./kmax_r18_camvid-semantic.py', './_base_/models/port.py']

from kmax_deeplab.config_parts import port_steps, semantic_train

model = dict(backbone=_base_.resnet_of_port, decode_head=_base_.model_of_port.panoptic_head)
optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
train_pipeline = semantic_train(port_steps(_base_.crop_size, scale_range=(0.75, 1.5)))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
