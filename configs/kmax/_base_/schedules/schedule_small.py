"""From scratch in minutes: one cycle without the original's long warm-up."""

_base_ = ['./schedule_150k.py', '../default_runtime.py']

train_cfg = dict(max_iters=1000, val_interval=250)
optim_wrapper = dict(paramwise_cfg=dict(backbone_lr_mult=1.0), optimizer=dict(lr=2e-3))
param_scheduler = dict(warmup=50)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=1000, max_keep_ckpts=1))
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=8)
