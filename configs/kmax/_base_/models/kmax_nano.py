"""kmax_r18_narrow.py with half of its queries."""

_base_ = './kmax_r18_narrow.py'

model = dict(panoptic_head=dict(transformer_decoder=dict(num_queries=32)))
