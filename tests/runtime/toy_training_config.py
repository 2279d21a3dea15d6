_base_ = [
    '../../configs/kmax/_base_/default_runtime.py',
    '../../configs/kmax/_base_/schedules/schedule_150k.py',
]
custom_imports = dict(imports=['projects.kmax', 'toy_training'])
model = dict(type='ToyModel')
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler'),
    dataset=dict(type='ToyDataset'),
)
val_cfg = None
test_cfg = None
train_cfg = dict(max_iters=8)
param_scheduler = dict(warmup=2, end=8)
default_hooks = dict(
    checkpoint=dict(interval=2),
    logger=dict(interval=2),
    visualization=dict(_delete_=True, type='EmptyCacheHook'),
)
visualizer = dict(_delete_=True, type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
randomness = dict(seed=3)
