"""Your own data: a folder and two numbers, see docs/custom_dataset.md."""

_base_ = './custom_panoptic.py'

from kmax_deeplab.config_parts import panoptic_metric

data_root = 'data/mine/'
num_things_classes = 3
num_stuff_classes = 8

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = panoptic_metric(data_root)
test_evaluator = val_evaluator
