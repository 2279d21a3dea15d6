"""COCO panoptic as the original prepares it."""

_base_ = './loaders.py'

from kmax_deeplab.config_parts import (
    add_views,
    original_test,
    original_train,
    panoptic_files,
    panoptic_metric,
)

dataset_type = 'KMaXCocoPanopticDataset'
data_root = 'data/coco/'
crop_size = (1281, 1281)

train_pipeline = original_train(crop_size, scale_range=(0.3, 1.7))
test_pipeline = original_test(crop_size)
tta_pipeline = add_views(test_pipeline)

files = dict(type=dataset_type, data_root=data_root)
train = panoptic_files('annotations/panoptic_train2017', images='train2017/')
val = panoptic_files('annotations/panoptic_val2017', images='val2017/')
train_dataloader = dict(batch_size=8, dataset=dict(files, **train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(files, **val, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = panoptic_metric(data_root, 'annotations/panoptic_val2017')
test_evaluator = val_evaluator
del files, train, val
