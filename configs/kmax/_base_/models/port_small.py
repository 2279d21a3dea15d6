"""What the port changes in kmax_r18.py and its like, see kmax_r18-port_camvid-panoptic.py."""

_base_ = './port.py'

model_of_port = dict(backbone=_base_.resnet_of_port, train_cfg=dict(small_instance_area=0))
