"""Cell nuclei of the 2018 Data Science Bowl, 256x256 to 360x360, which have no upright."""

data_root = 'data/nuclei_panoptic/'
crop_size = (257, 257)
# Near the images' own size: nuclei are 20 pixels wide.
augmentation = dict(
    scale_range=(0.8, 1.25),
    num_scales=10,
    flip=dict(prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal']),
)
