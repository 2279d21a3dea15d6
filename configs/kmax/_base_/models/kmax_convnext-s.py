_base_ = './kmax_convnext-t.py'

model = dict(backbone=dict(arch='small', drop_path_rate=0.4))
