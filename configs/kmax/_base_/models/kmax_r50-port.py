"""The network and the post-processing of the public PyTorch port, whose weights fit this model."""

_base_ = ['./kmax_r50.py', './port.py']

model = dict(
    backbone=dict(stem_pool=True, activate_outputs=True, zero_init_residual=False),
    **_base_.model_of_port,
)
