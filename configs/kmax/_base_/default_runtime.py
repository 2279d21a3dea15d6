# The first one lets the second be found where another package is called projects.
custom_imports = dict(imports=['kmax_deeplab', 'projects.kmax'], allow_failed_imports=False)
default_scope = 'mmdet'

default_hooks = dict(
    runtime_info=dict(type='DeferredLogHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', by_epoch=False, interval=5000, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='KMaXVisualizationHook'),
    map_classes=dict(type='MapClassesHook'),
    expected_time=dict(type='ExpectedTimeHook'),
)
custom_hooks = [
    dict(type='CheckClassesHook'),
    dict(type='WarnAboutDataHook'),
    dict(type='CheckFiniteHook'),
    dict(type='GradientNormHook'),
    # An average of the weights, which the original does not take:
    # dict(type='EMAHook', momentum=2e-4),
]
log_processor = dict(type='KMaXLogProcessor', window_size=50, by_epoch=False)
log_level = 'INFO'

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='KMaXVisualizer', vis_backends=vis_backends, name='visualizer')

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
# Statistics over all GPUs in distributed runs; one GPU or CPUs fall back to plain batch norm.
sync_bn = 'torch'

tta_model = dict(type='KMaXTTAModel')

load_from = None
resume = False
