"""ADE20K panoptic as mmdet's and Mask2Former's scripts lay it out and the original prepares it."""

_base_ = './loaders.py'

from kmax_deeplab.config_parts import (
    add_views,
    original_test,
    original_train,
    panoptic_files,
    panoptic_metric,
)

dataset_type = 'KMaXADE20KPanopticDataset'
data_root = 'data/ADEChallengeData2016/'
crop_size = (1281, 1281)

train_pipeline = original_train(crop_size)
test_pipeline = original_test(crop_size)
tta_pipeline = add_views(test_pipeline)

files = dict(type=dataset_type, data_root=data_root)
train = panoptic_files('ade20k_panoptic_train', images='images/training/')
val = panoptic_files('ade20k_panoptic_val', images='images/validation/')
train_dataloader = dict(batch_size=8, dataset=dict(files, **train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(files, **val, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = panoptic_metric(data_root, 'ade20k_panoptic_val')
test_evaluator = val_evaluator
del files, train, val
