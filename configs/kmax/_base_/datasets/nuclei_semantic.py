"""Cell nuclei as a semantic data set of mmseg."""

_base_ = ['./nuclei.py', './small_semantic.py']

from kmax_deeplab.config_parts import add_views, original_steps, semantic_test, semantic_train

metainfo = dict(
    classes=('nucleus-fluorescence', 'nucleus-stained', 'background-dark', 'background-stained'),
    palette=[[0, 220, 120], [200, 40, 160], [40, 40, 60], [240, 220, 160]],
)

train_pipeline = semantic_train(original_steps(_base_.crop_size, **_base_.augmentation))
test_pipeline = semantic_test(_base_.crop_size)
tta_pipeline = add_views(test_pipeline, scales=())

files = dict(data_root=_base_.data_root, img_suffix='.png', metainfo=metainfo)
train_dataloader = dict(dataset=dict(files, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(files, pipeline=test_pipeline))
test_dataloader = val_dataloader
del files
