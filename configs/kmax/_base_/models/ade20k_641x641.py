"""ADE20K at 641x641, whose masks have a quarter of the pixels."""

_base_ = './ade20k.py'

model_on_ade20k = dict(
    data_preprocessor=dict(pad_size=(641, 641)),
    panoptic_head=dict(criterion=dict(loss_insdis=dict(num_samples=1024))),
)
