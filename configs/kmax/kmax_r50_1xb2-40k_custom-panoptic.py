"""Fine-tune a COCO checkpoint to your own classes on one small GPU; those COCO has continue.

Name the data's folder and count their classes in my_panoptic.py. Eight images make a step, four
iterations of two; iterations, warm-up and the learning rate of one step follow from that.
"""

_base_ = [
    './_base_/models/kmax_r50.py',
    './_base_/datasets/my_panoptic.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]

# By name: tools/train.py downloads and converts them once.
load_from = 'kmax_r50_coco'
model = dict(
    data_preprocessor=dict(pad_size=None),
    # Statistics of two images are worse than the checkpoint's; its weights need no others before.
    backbone=dict(with_cp=True, norm_eval=True, init_cfg=None),
    panoptic_head=dict(
        num_things_classes=_base_.num_things_classes,
        num_stuff_classes=_base_.num_stuff_classes,
        pixel_decoder=dict(with_cp=True),
        transformer_decoder=dict(with_cp=True),
        semantic_decoder=dict(num_classes=None),
    ),
)

train_dataloader = dict(batch_size=2)
train_cfg = dict(max_iters=40000, val_interval=5000)
optim_wrapper = dict(accumulative_counts=4)
param_scheduler = dict(warmup=2000)
auto_scale_lr = dict(enable=True)
default_hooks = dict(map_classes=dict(new_classes=True))
