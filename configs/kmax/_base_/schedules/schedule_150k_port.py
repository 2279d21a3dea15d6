"""The PyTorch port's optimiser and warm-up."""

_base_ = './schedule_150k.py'

optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='AdamW', lr=5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
)
param_scheduler = dict(start_factor=0.001)
