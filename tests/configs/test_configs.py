"""Every config of the project resolves and builds."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, HOOKS, METRICS, VISUALIZERS, init_default_scope
from published import ROOT

from projects.kmax.engine.hooks.check_classes import check_classes
from projects.kmax.engine.settings import check_settings
from projects.kmax.engine.tta import use_tta

EMA_LINE = re.compile(r"^( *)# (dict\(type='EMAHook'.*)$", re.MULTILINE)
CONFIGS = sorted(ROOT.glob('*.py'))
PANOPTIC = [path for path in CONFIGS if 'panoptic' in path.stem]
PUBLISHED = [p for p in CONFIGS if re.search('coco-|ade20k-|cityscapes-', p.stem)]
BASES = sorted(path for path in ROOT.glob('_base_/**/*.py'))


def as_list(config):
    return config if isinstance(config, list) else [config]


def build_dataset(config, split):
    return DATASETS.build({**config[f'{split}_dataloader'].dataset, 'lazy_init': True})


def test_there_are_configs():
    assert len(CONFIGS) >= 5 and len(BASES) >= 10


@pytest.mark.parametrize('path', BASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_base_file_resolves(path):
    assert len(Config.fromfile(path)) > 0


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_resolved_config_is_plain_and_reloads(path, tmp_path):
    config = Config.fromfile(path, format_python_code=False)
    copy = tmp_path / 'copy.py'
    config.dump(copy)
    assert 'import' not in copy.read_text().replace('custom_imports', '').replace('imports=', '')
    assert Config.fromfile(copy).to_dict() == config.to_dict()


def test_reading_configs_loads_neither_torch_nor_the_package():
    script = f"""
import sys
from mmengine.config import Config
for path in {[str(path) for path in CONFIGS]}:
    assert Config.fromfile(path, import_custom_modules=False).model.type
print(*{{'torch', 'mmdet', 'projects.kmax'}} & {{*sys.modules}})
"""
    found = subprocess.run(
        [sys.executable, '-c', script], cwd=ROOT.parents[1], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, '\n'), found.stderr


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_model_and_optimizer_build(path, on_meta):
    config, model = on_meta(path.stem)
    check_classes(model, build_dataset(config, 'train'))
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert sum(p.numel() for group in groups for p in group['params']) == trained > 100_000


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_data_and_runtime_build(path, tmp_path):
    annotations = tmp_path / 'panoptic.json'
    annotations.write_text('{"images": [], "annotations": [], "categories": []}')
    files = dict(ann_file=str(annotations), seg_prefix=str(tmp_path))
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    for split in ('train', 'val', 'test'):
        dataset = build_dataset(config, split)
        for part in getattr(dataset, 'datasets', [dataset]):
            assert len(part.pipeline.transforms) >= 2
    for evaluator in (config.val_evaluator, config.test_evaluator):
        for metric in as_list(evaluator):
            # The data themselves are not here.
            assert METRICS.build({**metric, **{key: files[key] for key in files if key in metric}})
    assert VISUALIZERS.build(config.visualizer)
    for hook in [*config.default_hooks.values(), *config.get('custom_hooks', [])]:
        assert HOOKS.build(hook)


@pytest.mark.parametrize('path', PANOPTIC, ids=lambda path: path.stem)
def test_test_time_augmentation_builds(path):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    tested = config.test_dataloader.dataset.pipeline
    plain = [step for step in tested if 'crop_size' in step or 'scale' in step]
    use_tta(config)
    assert config.model.type == 'KMaXTTAModel' and config.model.module.type == 'KMaXDeepLab'
    pipeline = config.test_dataloader.dataset.pipeline
    assert Compose(pipeline).transforms[1].subroutines
    # The view that sets the resolution is what is tested without augmentation.
    if plain:
        assert pipeline[1].transforms[0][0] == plain[0]


def test_plain_view_of_cityscapes_is_the_image():
    config = Config.fromfile(ROOT / '_base_/datasets/cityscapes_panoptic.py')
    init_default_scope('mmdet')
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    views = Compose(config.tta_pipeline[1:])({'img': image, 'ori_shape': (32, 64)})['inputs']
    assert np.array_equal(views[0].permute(1, 2, 0), image)
    assert [tuple(view.shape[1:]) for view in views[::2]] == [(32, 64), (24, 48), (40, 80)]


@pytest.mark.parametrize('path', PUBLISHED, ids=lambda path: path.stem)
def test_folders_of_published_data_are_documented(path):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    text = (ROOT.parents[1] / 'docs' / 'datasets.md').read_text()
    assert config.data_root in text
    # mmseg's Cityscapes reads maps that are not in the download.
    suffix = getattr(build_dataset(config, 'train'), 'seg_map_suffix', '.png')
    assert f'*{suffix}' in text


def test_one_commented_line_averages_the_weights_of_all_coco_configs(tmp_path):
    folder = shutil.copytree(ROOT, tmp_path / 'kmax')
    commented = [path for path in folder.rglob('*.py') if EMA_LINE.search(path.read_text())]
    assert [path.name for path in commented] == ['default_runtime.py']
    commented[0].write_text(EMA_LINE.sub(r'\1\2', commented[0].read_text()))
    coco = sorted(folder.glob('*_coco-panoptic.py'))
    assert len(coco) >= 8
    for path in coco:
        config = Config.fromfile(path)
        hooks = [hook.type for hook in config.custom_hooks]
        default = [hook.type for hook in Config.fromfile(ROOT / path.name).custom_hooks]
        assert hooks == [*default, 'EMAHook'], path.name
        check_settings(config, list(config))
        assert HOOKS.build(config.custom_hooks[-1])
