"""schedule_small.py with the PyTorch port's optimiser and start of the warm-up."""

_base_ = ['./schedule_small.py', './port.py']

optim_wrapper = dict(optimizer=_base_.optimizer_of_port)
param_scheduler = _base_.warmup_of_port
