"""Cityscapes: where it is, and how it is augmented at its full size."""

data_root = 'data/cityscapes/'
crop_size = (1025, 2049)
augmentation = dict(resize=False, colors=dict(type='KMaXAutoAugment', magnitude_scale=0.2))
