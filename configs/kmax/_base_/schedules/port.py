"""The PyTorch port's optimiser and warm-up, see schedule_150k_port.py.

It trained in float16: give ``--amp`` to tools/train.py.
"""

optimizer_of_port = dict(type='AdamW', betas=(0.9, 0.999), eps=1e-8)
warmup_of_port = dict(start_factor=0.001)
