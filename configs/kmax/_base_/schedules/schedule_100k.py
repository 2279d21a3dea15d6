_base_ = './schedule_150k.py'

train_cfg = dict(max_iters=100000)
