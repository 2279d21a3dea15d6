"""Semantic segmentation: mmseg's registries, pictures and test-time augmentation."""

_base_ = './default_runtime.py'

default_scope = 'mmseg'
default_hooks = dict(visualization=dict(type='KMaXSegVisualizationHook'))
visualizer = dict(type='SegLocalVisualizer')
tta_model = dict(type='KMaXSegTTAModel')
