"""Cityscapes' 19 classes as mmseg has them, at full size; docs/datasets.md names their maps."""

_base_ = ['./cityscapes.py', './semantic.py']

from kmax_deeplab.config_parts import add_views, original_steps, semantic_test, semantic_train

dataset_type = 'CityscapesDataset'
train_pipeline = semantic_train(original_steps(_base_.crop_size, **_base_.augmentation))
test_pipeline = semantic_test()
tta_pipeline = add_views(test_pipeline, scales=())

files = dict(type=dataset_type, data_root=_base_.data_root)
train = dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train')
val = dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val')
train_dataloader = dict(
    batch_size=4, dataset=dict(files, data_prefix=train, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(files, data_prefix=val, pipeline=test_pipeline))
test_dataloader = val_dataloader
del files, train, val
