"""The network and the post-processing of the public PyTorch port, whose weights fit this model."""

_base_ = ['./kmax_r50.py', './port.py']

model = dict(backbone=_base_.resnet_of_port, **_base_.model_of_port)
