"""COCO's labelled images, and its unlabeled ones with pseudo-labels in COCO's panoptic format."""

_base_ = './kmax_convnext-l_8xb8-150k_coco-panoptic.py'

# ConcatDataset reads the files of lazy data sets itself.
labelled = dict(lazy_init=True, **_base_.train_dataloader.dataset)
unlabeled = {
    **labelled,
    'ann_file': 'annotations/panoptic_unlabeled2017.json',
    'data_prefix': dict(img='unlabeled2017/', seg='annotations/panoptic_unlabeled2017/'),
}
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[labelled, unlabeled])
)
