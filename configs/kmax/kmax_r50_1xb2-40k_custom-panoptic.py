"""Fine-tune a COCO checkpoint to your own classes on one small GPU; those COCO has continue.

Data are laid out as for kmax_r18_custom-panoptic.py. Eight images make a step, four iterations of
two; iterations, warm-up and the learning rate of one step follow from that.
"""

_base_ = [
    './_base_/models/kmax_r50.py',
    './_base_/datasets/custom_panoptic.py',
    './_base_/schedules/schedule_150k.py',
    './_base_/default_runtime.py',
]

data_root = 'data/mine/'
load_from = 'checkpoints/kmax_r50_coco.pth'
model = dict(
    data_preprocessor=dict(pad_size=None),
    # Statistics of two images are worse than the checkpoint's; its weights need no others before.
    backbone=dict(with_cp=True, norm_eval=True, init_cfg=None),
    panoptic_head=dict(
        num_things_classes=3,
        num_stuff_classes=8,
        pixel_decoder=dict(with_cp=True),
        transformer_decoder=dict(with_cp=True),
        semantic_decoder=dict(num_classes=None),
    ),
)

train_dataloader = dict(batch_size=2, dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(
    type='KMaXPanopticMetric',
    ann_file=data_root + 'panoptic_val.json',
    seg_prefix=data_root + 'panoptic_val/',
)
test_evaluator = val_evaluator

train_cfg = dict(max_iters=40000, val_interval=5000)
optim_wrapper = dict(accumulative_counts=4)
param_scheduler = dict(warmup=2000)
auto_scale_lr = dict(enable=True)
default_hooks = dict(map_classes=dict(new_classes=True))
