"""Your own data: a folder and two numbers, see docs/custom_dataset.md."""

_base_ = './custom_panoptic.py'

data_root = 'data/mine/'
num_things_classes = 3
num_stuff_classes = 8

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='KMaXPanopticMetric',
    ann_file=data_root + 'panoptic_val.json',
    seg_prefix=data_root + 'panoptic_val/',
)
test_evaluator = val_evaluator
