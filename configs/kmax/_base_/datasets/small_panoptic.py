"""A panoptic data set in one folder: images, id PNGs and one JSON per split."""

_base_ = './loaders.py'

from kmax_deeplab.config_parts import panoptic_files

train = panoptic_files('panoptic_train', images='train/')
val = panoptic_files('panoptic_val', images='val/')
train_dataloader = dict(
    batch_size=4, num_workers=2, dataset=dict(train, type='KMaXPanopticDataset')
)
val_dataloader = dict(num_workers=1, dataset=dict(val, type='KMaXPanopticDataset'))
test_dataloader = val_dataloader
del train, val
