"""COCO's labelled images, and its unlabeled ones with pseudo-labels in COCO's panoptic format."""

_base_ = './kmax_convnext-l_8xb8-150k_coco-panoptic.py'

from kmax_deeplab.config_parts import panoptic_files

# ConcatDataset reads the files of lazy data sets itself.
labelled = dict(lazy_init=True, **_base_.train_dataloader.dataset)
files = panoptic_files('annotations/panoptic_unlabeled2017', images='unlabeled2017/')
unlabeled = {**labelled, **files}
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[labelled, unlabeled])
)
del files
