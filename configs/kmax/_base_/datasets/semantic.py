"""A semantic data set of mmseg: configs add its folders and pipelines."""

_base_ = './loaders.py'

val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
