"""kmax_nano.py for photographs: the original's loss weights, at least 0.1 for a matched query."""

_base_ = './kmax_nano.py'

model = dict(
    panoptic_head=dict(
        criterion=dict(
            min_weight=0.1,
            loss_mask=dict(loss_weight=0.3),
            loss_insdis=dict(loss_weight=1.0, num_samples=512),
        ),
    ),
)
