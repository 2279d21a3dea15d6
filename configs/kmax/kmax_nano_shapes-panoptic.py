"""A small kMaX that learns the procedural shapes in minutes on two CPU cores."""

_base_ = [
    './_base_/models/kmax_nano.py',
    './_base_/datasets/shapes_panoptic.py',
    './_base_/schedules/schedule_small.py',
]

model = dict(
    panoptic_head=dict(
        num_things_classes=5,
        num_stuff_classes=5,
        criterion=dict(
            # The original's: drawn shapes need no help to be found.
            min_weight=1e-5,
            loss_mask=dict(loss_weight=1.0),
            loss_insdis=dict(loss_weight=0.3, num_samples=256),
        ),
    ),
)
# Four times the usual rate of small models: things are found many iterations earlier.
optim_wrapper = dict(optimizer=dict(lr=8e-3))
train_cfg = dict(max_iters=2000, val_interval=1000)
