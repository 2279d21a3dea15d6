"""CamVid's street scenes as a panoptic data set, lightly augmented."""

_base_ = ['./camvid.py', './small_panoptic.py']

from kmax_deeplab.config_parts import (
    add_views,
    original_steps,
    original_test,
    panoptic_metric,
    panoptic_train,
)

train_pipeline = panoptic_train(
    original_steps(
        _base_.crop_size, **_base_.augmentation, colors=dict(type='PhotoMetricDistortion')
    )
)
test_pipeline = original_test(_base_.crop_size, with_sem_seg=True)
tta_pipeline = add_views(test_pipeline, scales=())

train_dataloader = dict(dataset=dict(data_root=_base_.data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=_base_.data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [
    panoptic_metric(_base_.data_root),
    dict(type='SemSegMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
