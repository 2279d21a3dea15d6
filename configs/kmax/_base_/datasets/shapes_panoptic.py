"""The procedural shapes of tools/dataset_converters/make_shapes.py, 160x128."""

_base_ = './small_panoptic.py'

from kmax_deeplab.config_parts import add_views, original_test, panoptic_metric, panoptic_train

data_root = 'data/shapes/'
crop_size = (129, 161)

# No further augmentation: there are more scenes than a short training sees twice.
train_pipeline = panoptic_train(
    [dict(type='KMaXRandomPadCrop', crop_size=crop_size), dict(type='RandomFlip', prob=0.5)]
)
# Scenes stay as they are; other pictures, on which the model is tried, are brought to their size.
test_pipeline = original_test((128, 160), with_sem_seg=True)
tta_pipeline = add_views(test_pipeline, scales=())

train_dataloader = dict(dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [
    panoptic_metric(data_root),
    dict(type='SemSegMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
