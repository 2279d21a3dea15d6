"""The toy training with validations by data workers of their own, and averaged weights."""

_base_ = './toy_training_config.py'

val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDataset'),
)
val_cfg = dict(_delete_=True, type='ValLoop')
val_evaluator = dict(type='ToyMetric')
train_cfg = dict(val_interval=4)
custom_hooks = [dict(type='EMAHook')]
