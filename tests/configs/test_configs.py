"""Every config of the project resolves and builds; what they have in common is built."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, HOOKS, METRICS, VISUALIZERS, init_default_scope
from published import FOLDER

from kmax_deeplab import config_parts as parts
from projects.kmax.engine.hooks.check_classes import check_classes
from projects.kmax.engine.settings import check_settings
from projects.kmax.engine.tta import use_tta
from projects.kmax.evaluation.destinations import as_list

EMA_LINE = re.compile(r"^( *)# (dict\(type='EMAHook'.*)$", re.MULTILINE)
CONFIGS = sorted(FOLDER.glob('*.py'))
PANOPTIC = [path for path in CONFIGS if 'panoptic' in path.stem]
PUBLISHED = [p for p in CONFIGS if re.search('coco-|ade20k-|cityscapes-', p.stem)]
BASES = sorted(path for path in FOLDER.glob('_base_/**/*.py'))


def build_dataset(config, split):
    return DATASETS.build({**config[f'{split}_dataloader'].dataset, 'lazy_init': True})


def test_there_are_configs():
    assert len(CONFIGS) >= 5 and len(BASES) >= 10


@pytest.mark.parametrize('path', BASES, ids=lambda path: str(path.relative_to(FOLDER)))
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
        [sys.executable, '-c', script], cwd=FOLDER.parents[1], capture_output=True, text=True
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
    config = Config.fromfile(FOLDER / '_base_/datasets/cityscapes_panoptic.py')
    init_default_scope('mmdet')
    image = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    views = Compose(config.tta_pipeline[1:])({'img': image, 'ori_shape': (32, 64)})['inputs']
    assert np.array_equal(views[0].permute(1, 2, 0), image)
    assert [tuple(view.shape[1:]) for view in views[::2]] == [(32, 64), (24, 48), (40, 80)]


@pytest.mark.parametrize('path', PUBLISHED, ids=lambda path: path.stem)
def test_folders_of_published_data_are_documented(path):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    text = (FOLDER.parents[1] / 'docs' / 'datasets.md').read_text()
    assert config.data_root in text
    # mmseg's Cityscapes reads maps that are not in the download.
    suffix = getattr(build_dataset(config, 'train'), 'seg_map_suffix', '.png')
    assert f'*{suffix}' in text


def test_one_commented_line_averages_the_weights_of_all_coco_configs(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / 'kmax')
    commented = [path for path in folder.rglob('*.py') if EMA_LINE.search(path.read_text())]
    assert [path.name for path in commented] == ['default_runtime.py']
    commented[0].write_text(EMA_LINE.sub(r'\1\2', commented[0].read_text()))
    coco = sorted(folder.glob('*_coco-panoptic.py'))
    assert len(coco) >= 8
    for path in coco:
        config = Config.fromfile(path)
        hooks = [hook.type for hook in config.custom_hooks]
        default = [hook.type for hook in Config.fromfile(FOLDER / path.name).custom_hooks]
        assert hooks == [*default, 'EMAHook'], path.name
        check_settings(config, list(config))
        assert HOOKS.build(config.custom_hooks[-1])


def find(steps, key):
    return [step[key] for step in steps if key in step]


@pytest.mark.parametrize('build', [parts.original_train, parts.port_train])
def test_images_pasted_from_have_half_of_the_scales(build):
    pipeline = build((65, 97), scale_range=(0.3, 1.7))
    (paste,) = find(pipeline, 'source_pipeline')
    assert find(pipeline, 'scale_range') == [(0.3, 1.7)]
    assert find(paste, 'scale_range') == [(0.15, 0.85)]
    assert [step['type'] for step in paste] == [step['type'] for step in pipeline[: len(paste)]]


@pytest.mark.parametrize(
    ('build', 'key'), [(parts.original_test, 'crop_size'), (parts.port_test, 'scale')]
)
def test_views_are_of_the_size_and_a_quarter_less_and_more(build, key):
    pipeline = [ConfigDict(step) for step in build((1025, 2049))]
    load, augment = parts.add_views(pipeline)
    sizes, flips, pack = augment['transforms']
    assert find(sizes, key) == [(1025, 2049), (769, 1537), (1281, 2561)]
    assert [load, sizes[0], *pack] == pipeline
    assert find(flips, 'prob') == [0.0, 1.0]
    # Whoever changes one pipeline does not change the other.
    sizes[0][key] = (1, 1)
    assert pipeline[1][key] == (1025, 2049)


def test_views_without_scales_are_mirrored_only():
    _, mirrored = parts.add_views(parts.original_test(), scales=())
    assert [len(steps) for steps in mirrored['transforms']] == [2, 1]
    _, scaled = parts.add_views(parts.original_test())
    assert find(scaled['transforms'][0], 'scale_factor') == [1.0, 0.75, 1.25]


def test_steps_for_mmseg_are_found_there():
    steps = [*parts.original_steps((65, 97)), *parts.port_steps((65, 97))]
    pipeline = parts.semantic_train(steps)[2:-1]
    for ours, theirs in zip(steps, pipeline, strict=True):
        name = ours['type']
        assert theirs['type'] == (f'mmdet.{name}' if name.startswith('KMaX') else name)
    # mmdet's sizes of this one are (width, height).
    assert [find(s, 'crop_size')[-1] for s in (steps, pipeline)] == [(97, 65), (65, 97)]
