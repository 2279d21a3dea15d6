"""CamVid's street scenes, 480x360: where they are, and how they are scaled."""

data_root = 'data/camvid_panoptic/'
crop_size = (193, 257)
# Straight from 480x360 to 0.75 ... 1.5 times the test size.
augmentation = dict(scale_range=(0.4, 0.8), num_scales=11, resize=False)
