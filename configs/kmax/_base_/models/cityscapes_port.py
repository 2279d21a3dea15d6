"""Cityscapes in the port.

The semantic loss is the mean over all pixels instead of the fifth with the highest loss, small
instances weigh as much as others, an image keeps all its masks, and no predicted segment is left
out for its area.
"""

_base_ = './cityscapes.py'

model_on_cityscapes = dict(
    panoptic_head=dict(criterion=dict(loss_semantic=dict(top_k=1.0, num_samples=0))),
    train_cfg=dict(max_things=None, small_instance_area=0),
    test_cfg=dict(thing_area_limit=0, stuff_area_limit=0),
)
