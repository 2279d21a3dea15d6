"""kmax_nano_scratch.py as the PyTorch port builds and trains its models."""

_base_ = ['./kmax_nano_scratch.py', './port.py']

model = dict(
    _base_.model_of_port,
    backbone=dict(stem_pool=True, activate_outputs=True, zero_init_residual=False),
    train_cfg=dict(max_things=None, small_instance_area=0),
)
