"""Settings of a config, and options of commands, with values that they cannot have."""

from functools import partial

from config_kinds import add
from kinds import kind

TRAIN = ('train', 'config.py')
TEST = ('test', 'config.py', 'weights.pth')
HEAD = 'model.panoptic_head'
DECODER = f'{HEAD}.transformer_decoder'
LOSSES = f'{HEAD}.criterion'
LOADER = 'train_dataloader'
NUMBER = ('"x"', '-1')
COUNT = ('0', '1.5', '"x"', 'True')


def value_kind(place, setting, values, name, commands, message):
    for value in values:
        for words in commands:
            result = place.command(*words, '--cfg-options', f'{setting}={value}')
            result.refused(message or rf'{name}\b.* must be')


def enter(setting, values, commands=(TRAIN,), message='', name=None):
    """Enter a setting with some values that are refused by its name."""
    shown = name or setting.rpartition('.')[2]
    run = partial(
        value_kind, setting=setting, values=values, name=shown, commands=commands, message=message
    )
    kind('settings', f'{setting} is {" or ".join(values)}')(run)


# Iterations and intervals.
enter('train_cfg.max_iters', ('-3', '0', '"x"', 'True'))
enter('train_cfg.val_interval', COUNT)
enter('train_cfg.val_begin', NUMBER)
enter('default_hooks.logger.interval', COUNT)
enter('default_hooks.checkpoint.interval', ('0', '-7', '"x"'))
enter('default_hooks.checkpoint.max_keep_ckpts', ('0', '"x"', '2.5'))
enter('default_hooks.checkpoint.by_epoch', ('"no"', '7'))
enter('default_hooks.visualization.interval', ('0', '"x"'))
enter('log_processor.window_size', ('0', '"x"'))
enter('param_scheduler.warmup', NUMBER)
enter('param_scheduler.start_factor', ('-1', '2'))
enter('param_scheduler.by_epoch', ('True', '"x"'), message='by_epoch')
enter('param_scheduler.begin', NUMBER)
# The optimiser.
enter('optim_wrapper.optimizer.lr', ('-1', '"x"', 'None', '[1]'), message=r'\blr\b')
enter('optim_wrapper.optimizer.weight_decay', NUMBER)
enter('optim_wrapper.optimizer.betas', ('"[2,0.9]"', '5', '"x"'), message='betas')
enter('optim_wrapper.optimizer.eps', NUMBER)
enter('optim_wrapper.paramwise_cfg.backbone_lr_mult', NUMBER)
enter('optim_wrapper.accumulative_counts', ('0', '1.5', '"x"'))
enter('optim_wrapper.clip_grad.max_norm', NUMBER)
enter('auto_scale_lr.base_batch_size', ('0', '"x"'))
enter('randomness.seed', ('-1', '"x"', '1.5', '99999999999'))
# Loading.
enter(f'{LOADER}.batch_size', COUNT)
enter(f'{LOADER}.num_workers', ('-1', '"x"', '0.5'))
enter('test_dataloader.batch_size', ('0', '"x"'), (TEST,))
enter(f'{LOADER}.prefetch_factor', ('0', '"x"'))
enter(f'{LOADER}.timeout', NUMBER)
enter(f'{LOADER}.sampler.shuffle', ('"yes"',))
# Transforms.
enter(f'{LOADER}.dataset.pipeline.2.crop_size', ('"[0,0]"', '5', '"x"', '"[1,2,3]"'))
enter(f'{LOADER}.dataset.pipeline.3.crop_size', ('"[-5,5]"', '"[1.5,5]"'))
enter('test_dataloader.dataset.pipeline.1.crop_size', ('"[0,0]"',), (TEST,))
# The model.
BOTH = (TRAIN, TEST)
enter('model.data_preprocessor.pad_size', ('5', '"[0,0]"', '"[1,2,3]"', '"x"'))
enter(f'{DECODER}.num_queries', COUNT, BOTH[:1])
enter(f'{DECODER}.num_layers', ('"[0,0,0]"', '"[-1,1,1]"', '3', '"x"'), message='num_layers')
enter(f'{DECODER}.embed_dims', ('0', '"x"'))
enter(f'{DECODER}.num_heads', ('0', '3'), message='heads')
enter(f'{DECODER}.mask_channels', ('0', '"x"'))
enter(f'{DECODER}.feedforward_channels', ('-8',))
enter(f'{DECODER}.drop_path_rate', ('-0.1', '1.5', '"x"'))
enter(f'{HEAD}.pixel_decoder.channels', ('"[0,8,8,8]"', '8', '"[]"', '"[8]"'), message='channels')
enter(f'{HEAD}.pixel_decoder.num_blocks', ('"[1,1]"', '"[0,1,1,1]"'), message='num_blocks')
enter(f'{HEAD}.pixel_decoder.num_heads', ('0', '3'), message='heads')
enter(f'{HEAD}.in_channels', ('"[8,8]"', '8', '"x"'), message='in_channels')
enter(f'{HEAD}.semantic_decoder.channels', ('0', '"x"'))
enter(f'{HEAD}.semantic_decoder.dropout', ('2', '"x"'))
enter(f'{HEAD}.num_things_classes', ('-1', '"x"', '1000'), BOTH, message='num_things_classes')
enter(f'{HEAD}.num_stuff_classes', ('3',), BOTH, message='num_stuff_classes|classes')
enter('model.backbone.depth', ('19', '"x"'), message='depth')
enter('model.backbone.base_channels', ('0', '"x"'), message='base_channels')
enter('model.panoptic_head.train_cfg.stride', ('0', '"x"'), message='stride')
enter('model.train_cfg.max_things', ('-1', '"x"'), message='max_things')
# Losses.
enter(f'{LOSSES}.loss_cls.loss_weight', NUMBER)
enter(f'{LOSSES}.loss_dice.alpha', ('2', '"x"'))
enter(f'{LOSSES}.loss_insdis.temperature', ('0', '"x"'))
enter(f'{LOSSES}.loss_insdis.num_samples', ('0', '1.5'))
enter(f'{LOSSES}.loss_semantic.top_k', ('0', '1.5'))
enter(f'{LOSSES}.min_weight', NUMBER)
enter(f'{LOSSES}.void', ('"x"', '5'), message='void')
# Post-processing.
for threshold in ('pixel_confidence_threshold', 'overlap_threshold', 'class_threshold_thing'):
    enter(f'model.test_cfg.{threshold}', ('7', '-0.1', '"x"', '[1]'), (TEST,), message=threshold)
enter('model.test_cfg.thing_area_limit', NUMBER, (TEST,))
enter('model.test_cfg.max_per_image', ('0', '"x"'), (TEST,))
enter('model.test_cfg.postprocess', ('"portt"',), (TEST,), message="'portt'; choose one of")
enter('model.test_cfg.panoptic_on', ('"no"',), (TEST,), message='panoptic_on')
# Of mmengine's top level.
enter('env_cfg.mp_cfg.mp_start_method', ('"threads"',), message='threads|mp_start_method')
enter('work_dir', ('5',))
enter('load_from', ('5', '[a]'), message='load_from is .* must be a text')
enter('load_from', ('nowhere.pth',), message=r'nowhere\.pth')
enter('launcher', ('"ssh"',), message='ssh|launcher')


def config_kind(name, lines, message, words=TRAIN, leaves=''):
    """Enter lines of a config that a command refuses."""

    @kind('settings', name)
    def run(place):
        add(lines)(place)
        place.command(*words).refused(message, leaves)


def transform(text):
    steps = f'[*train_pipeline[:2], {text}, *train_pipeline[2:]]'
    return f"train_dataloader['dataset']['pipeline'] = {steps}"


config_kind(
    'a threshold is NaN',
    "model['test_cfg']['overlap_threshold'] = float('nan')",
    'overlap_threshold is nan',
    TEST,
)
config_kind(
    'a learning rate is NaN', "optim_wrapper = dict(optimizer=dict(lr=float('nan')))", 'lr is nan'
)
config_kind(
    'a loss weight is infinite',
    "model['panoptic_head']['criterion'] = dict(loss_mask=dict(loss_weight=float('inf')))",
    'loss_weight is inf',
)
config_kind(
    'a scale range falls',
    transform("dict(type='KMaXRandomScale', scale_range=(2, 1), num_scales=2)"),
    'scale_range is .2, 1., but must rise',
)
config_kind(
    'there are no scales',
    transform("dict(type='KMaXRandomScale', scale_range=(1, 2), num_scales=0)"),
    'num_scales is 0',
)
config_kind(
    'a scale range is a number',
    transform("dict(type='KMaXResizeScale', target_size=(33, 65), scale_range=2)"),
    'scale_range is 2',
)
config_kind(
    'the augmentation is negative',
    transform("dict(type='KMaXAutoAugment', magnitude_scale=-1)"),
    'magnitude_scale is -1',
)
config_kind(
    'the augmentation is a text',
    transform("dict(type='KMaXAutoAugment', magnitude_scale='strong')"),
    'magnitude_scale is .strong',
)
config_kind(
    'copy-paste draws from what is not there',
    transform("dict(type='KMaXPanopticCopyPaste', source_pipeline=[], draw_from='images')"),
    "draw_from must be 'labels' or 'segments'",
)
config_kind(
    'copy-paste has no pipeline of its own',
    transform("dict(type='KMaXPanopticCopyPaste', source_pipeline=[])"),
    'source_pipeline must load image and annotation',
    leaves='',
)
config_kind(
    'copy-paste is given a wrong size',
    transform(
        "dict(type='KMaXPanopticCopyPaste', source_pipeline=train_pipeline[:2] + "
        "[dict(type='KMaXRandomPadCrop', crop_size=(9, 9))])"
    ),
    'both pipelines must end with the same size',
)
config_kind(
    'all samples are filtered out',
    transform("dict(type='KMaXFilterLabels', min_pixels=10**9)"),
    'image|pipeline',
)
config_kind(
    'the stride of a filter is 0',
    transform("dict(type='KMaXFilterLabels', stride=0)"),
    'stride is 0',
)
for momentum in ('2', "'x'"):
    config_kind(
        f'the momentum of EMA is {momentum}',
        f"custom_hooks = [dict(type='EMAHook', momentum={momentum})]",
        'momentum is',
    )
config_kind(
    'early stopping has no patience',
    "custom_hooks = [dict(type='EarlyStoppingHook', monitor='coco_panoptic/PQ', patience=-1)]",
    'patience is -1',
)
config_kind(
    'early stopping has another rule',
    "custom_hooks = [dict(type='EarlyStoppingHook', monitor='x', rule='best')]",
    'rule',
)
config_kind(
    'the best checkpoint is of an unknown metric',
    "default_hooks['checkpoint']['save_best'] = 'coco/PQ'",
    'save_best is coco/PQ, which validation does not report',
    leaves='work_dirs',
)
config_kind(
    'the interval of checkpoints cuts accumulation',
    "default_hooks['checkpoint']['interval'] = 3\noptim_wrapper = dict(accumulative_counts=2)",
    'interval is 3, but .*accumulative_counts is 2',
    leaves='work_dirs',
)
for backend, package in (
    ('WandbVisBackend', 'wandb'),
    ('MLflowVisBackend', 'mlflow'),
    ('ClearMLVisBackend', 'clearml'),
    ('NeptuneVisBackend', 'neptune'),
    ('AimVisBackend', 'aim'),
    ('DVCLiveVisBackend', 'dvclive'),
):
    config_kind(
        f'{backend} is not installed',
        f"visualizer = dict(vis_backends=[dict(type='{backend}')])",
        f'{backend} needs what is not installed: pip install {package}',
    )
config_kind(
    'a backend of the visualizer is unknown',
    "visualizer = dict(vis_backends=[dict(type='WandBVisBackend')])",
    'WandBVisBackend',
)


@kind('settings', 'no workers, but persistent ones')
def no_workers(place):
    add('train_dataloader.update(num_workers=0, persistent_workers=True, prefetch_factor=2)')(place)
    place.command(*TRAIN).works(r'Iter\(train\) \[2/2\]')


@kind('settings', 'the best checkpoint is chosen by itself')
def best_auto(place):
    add("default_hooks['checkpoint']['save_best'] = 'auto'")(place)
    place.command(*TRAIN).works('best_coco_panoptic_PQ')


@kind('settings', 'early stopping is given no rule')
def early_without_rule(place):
    add("custom_hooks = [dict(type='EarlyStoppingHook', monitor='coco_panoptic/PQ')]")(place)
    place.command(*TRAIN).works(r'Iter\(train\) \[2/2\]')


@kind('settings', 'early stopping watches an unknown metric')
def early_unknown(place):
    add("custom_hooks = [dict(type='EarlyStoppingHook', monitor='PQQ', rule='greater')]")(place)
    # mmengine warns before.
    message = 'error: EarlyStoppingHook: monitor is PQQ, which validation does not report'
    place.command(*TRAIN).ends(2, message)
