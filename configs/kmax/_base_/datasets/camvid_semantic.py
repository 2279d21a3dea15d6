"""CamVid's street scenes as a semantic data set of mmseg."""

_base_ = ['./camvid.py', './small_semantic.py']

from kmax_deeplab.config_parts import add_views, original_steps, semantic_test, semantic_train

metainfo = dict(
    classes=(
        *('sky', 'building', 'pole', 'road', 'pavement', 'tree'),
        *('sign', 'fence', 'car', 'pedestrian', 'bicyclist'),
    ),
    palette=[
        *([128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128]),
        *([60, 40, 222], [128, 128, 0], [192, 128, 128], [64, 64, 128]),
        *([64, 0, 128], [64, 64, 0], [0, 128, 192]),
    ],
)

train_pipeline = semantic_train(original_steps(_base_.crop_size, **_base_.augmentation))
test_pipeline = semantic_test(_base_.crop_size)
tta_pipeline = add_views(test_pipeline, scales=())

files = dict(data_root=_base_.data_root, metainfo=metainfo)
train_dataloader = dict(dataset=dict(files, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(files, pipeline=test_pipeline))
test_dataloader = val_dataloader
del files
