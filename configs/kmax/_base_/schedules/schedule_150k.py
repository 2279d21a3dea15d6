train_cfg = dict(type='ResumableTrainLoop', max_iters=150000, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='KMaXOptimWrapperConstructor',
    optimizer=dict(type='KMaXAdamW', lr=5e-4, weight_decay=0.05),
)
param_scheduler = dict(type='WarmupPolyLR', warmup=5000, by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=64)
