_base_ = ['./kmax_convnext-s.py', './port.py']

model = dict(backbone=dict(padding='always'), **_base_.model_of_port)
