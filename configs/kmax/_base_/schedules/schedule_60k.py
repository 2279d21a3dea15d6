_base_ = './schedule_150k.py'

train_cfg = dict(max_iters=60000)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
auto_scale_lr = dict(base_batch_size=32)
