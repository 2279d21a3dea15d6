"""A semantic data set in one folder: images and label PNGs per split."""

_base_ = './semantic.py'

train = dict(img_path='train', seg_map_path='semantic_train')
val = dict(img_path='val', seg_map_path='semantic_val')
train_dataloader = dict(
    batch_size=4, num_workers=2, dataset=dict(type='BaseSegDataset', data_prefix=train)
)
val_dataloader = dict(num_workers=1, dataset=dict(type='BaseSegDataset', data_prefix=val))
test_dataloader = val_dataloader
del train, val
