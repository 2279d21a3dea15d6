"""The base configs build and their pipelines run on real images."""

import pytest
from imports import ROOT
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

CONFIGS = ROOT / 'configs' / 'kmax' / '_base_' / 'datasets'


@pytest.mark.parametrize(
    'name', ['camvid_panoptic', 'nuclei_panoptic', 'coco_panoptic', 'coco_panoptic_port']
)
@pytest.mark.parametrize('split', ['train', 'val'])
def test_pipeline_runs_on_real_images(name, split, real_data, coco_sample):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    settings = config[f'{split}_dataloader'].dataset
    if name.startswith('coco_panoptic'):
        settings.update(coco_sample())
    else:
        settings.data_root = str(real_data(name))
    init_default_scope('mmdet')
    sample = DATASETS.build({**settings, 'indices': 1})[0]
    inputs, data_sample = sample['inputs'], sample['data_samples']
    if split == 'train':
        assert inputs.shape[1:] == config.crop_size
        ids = data_sample.gt_panoptic_seg.ids
        assert ids.shape == (1, *config.crop_size)
        assert ids.max() <= len(data_sample.gt_segments.labels)
    else:
        assert max(inputs.shape[1:]) in config.crop_size
        if not name.startswith('coco_panoptic'):
            assert data_sample.gt_sem_seg.shape == data_sample.ori_shape


def _types_of(steps):
    for step in steps:
        if isinstance(step, dict):
            yield step['type']
            yield from _types_of(step.get('transforms', []))
        else:
            yield from _types_of(step)


def test_own_data_are_validated_with_the_measures_compared():
    """Panoptic quality is computed from areas that only the loading of ids looks at."""
    configs = {path.stem: Config.fromfile(path) for path in CONFIGS.glob('*_panoptic*.py')}
    own = {
        name: config
        for name, config in configs.items()
        if config.get('val_dataloader', {}).get('dataset', {}).get('type') == 'KMaXPanopticDataset'
        and 'pipeline' in config.val_dataloader.dataset
    }
    assert {'my_panoptic', 'camvid_panoptic', 'nuclei_panoptic', 'shapes_panoptic'} <= set(own)
    for name, config in own.items():
        for steps in (config.val_dataloader.dataset.pipeline, config.tta_pipeline):
            assert 'LoadPanopticIds' in _types_of(steps), name


@pytest.mark.parametrize(
    ('name', 'magnitude'),
    [
        ('coco_panoptic', 1.0),
        ('ade20k_panoptic', 1.0),
        ('ade20k_panoptic_641x641', 1.0),
        ('cityscapes_panoptic', 0.2),
    ],
)
def test_colors_change_between_the_scale_and_the_padding(name, magnitude):
    """In the original's order, and in the pasted image as well."""
    pipeline = Config.fromfile(CONFIGS / f'{name}.py').train_dataloader.dataset.pipeline
    (paste,) = (step for step in pipeline if step.type == 'KMaXPanopticCopyPaste')
    for steps in (pipeline, paste.source_pipeline):
        types = [step.type for step in steps]
        place = types.index('KMaXAutoAugment')
        assert types.count('KMaXAutoAugment') == 1
        assert types[place - 1] == 'KMaXRandomScale' and types[place + 1] == 'KMaXRandomPadCrop'
        assert steps[place].get('magnitude_scale', 1.0) == magnitude
