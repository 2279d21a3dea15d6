"""From scratch in minutes: one cycle without the original's long warm-up."""

_base_ = '../default_runtime.py'

train_cfg = dict(type='ResumableTrainLoop', max_iters=1000, val_interval=250)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='KMaXOptimWrapperConstructor',
    paramwise_cfg=dict(backbone_lr_mult=1.0),
    optimizer=dict(type='KMaXAdamW', lr=2e-3, weight_decay=0.05),
)
param_scheduler = dict(type='WarmupPolyLR', warmup=50, by_epoch=False)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=1000, max_keep_ckpts=1))
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
