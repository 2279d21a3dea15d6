"""Cityscapes panoptic as createPanopticImgs lays it out and the original prepares it."""

_base_ = ['./cityscapes.py', './loaders.py']

from kmax_deeplab.config_parts import (
    add_views,
    original_test,
    original_train,
    panoptic_files,
    panoptic_metric,
)

dataset_type = 'KMaXCityscapesPanopticDataset'
train_pipeline = original_train(_base_.crop_size, **_base_.augmentation)
test_pipeline = original_test()
tta_pipeline = add_views(test_pipeline)

files = dict(type=dataset_type, data_root=_base_.data_root)
train = panoptic_files('gtFine/cityscapes_panoptic_train', images='leftImg8bit/train/')
val = panoptic_files('gtFine/cityscapes_panoptic_val', images='leftImg8bit/val/')
train_dataloader = dict(batch_size=4, dataset=dict(files, **train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(files, **val, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = panoptic_metric(_base_.data_root, 'gtFine/cityscapes_panoptic_val')
test_evaluator = val_evaluator
del files, train, val
