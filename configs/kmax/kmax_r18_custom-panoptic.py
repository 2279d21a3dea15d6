"""Your own data: a folder and two numbers, see README.md."""

_base_ = [
    './_base_/models/kmax_r18.py',
    './_base_/datasets/custom_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

data_root = 'data/mine/'
model = dict(panoptic_head=dict(num_things_classes=3, num_stuff_classes=8))

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='KMaXPanopticMetric',
    ann_file=data_root + 'panoptic_val.json',
    seg_prefix=data_root + 'panoptic_val/',
)
test_evaluator = val_evaluator
