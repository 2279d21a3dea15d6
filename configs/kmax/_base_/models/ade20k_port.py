"""ADE20K in the port: as many masks as an image has."""

_base_ = './ade20k.py'

model_on_ade20k = dict(train_cfg=dict(max_things=None))
