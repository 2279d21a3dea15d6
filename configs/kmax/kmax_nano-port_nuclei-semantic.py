"""kmax_nano_nuclei-semantic.py in the PyTorch port's recipe."""

_base_ = [
    './_base_/models/kmax_nano_scratch-port_seg.py',
    './_base_/datasets/nuclei_semantic_port.py',
    './_base_/schedules/schedule_small_port_seg.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.crop_size, test_cfg=dict(size=_base_.crop_size)),
    decode_head=dict(num_classes=4),
)
train_cfg = dict(max_iters=1000, val_interval=1000)
