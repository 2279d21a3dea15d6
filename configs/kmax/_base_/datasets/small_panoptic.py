"""A panoptic data set in one folder: images, id PNGs and one JSON per split."""

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='KMaXPanopticDataset',
        ann_file='panoptic_train.json',
        data_prefix=dict(img='train/', seg='panoptic_train/'),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KMaXPanopticDataset',
        ann_file='panoptic_val.json',
        data_prefix=dict(img='val/', seg='panoptic_val/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
