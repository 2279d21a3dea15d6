"""ADE20K's 150 classes as mmseg has them, at 641x641."""

_base_ = './semantic.py'

from kmax_deeplab.config_parts import add_views, original_steps, semantic_test, semantic_train

dataset_type = 'ADE20KDataset'
data_root = 'data/ADEChallengeData2016/'
crop_size = (641, 641)

train_pipeline = semantic_train(original_steps(crop_size))
test_pipeline = semantic_test(crop_size)
tta_pipeline = add_views(test_pipeline)

files = dict(type=dataset_type, data_root=data_root)
train = dict(img_path='images/training', seg_map_path='annotations/training')
val = dict(img_path='images/validation', seg_map_path='annotations/validation')
train_dataloader = dict(
    batch_size=8, dataset=dict(files, data_prefix=train, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(files, data_prefix=val, pipeline=test_pipeline))
test_dataloader = val_dataloader
del files, train, val
