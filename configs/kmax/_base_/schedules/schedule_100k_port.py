"""The PyTorch port's optimiser and warm-up."""

_base_ = ['./schedule_100k.py', './port.py']

optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
