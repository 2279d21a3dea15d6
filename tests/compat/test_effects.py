"""What importing does to the process, as ``docs/architecture.md`` lists it, and nothing else."""

import json

from helpers import run_python

# Names that may be ours in modules of others; where upstream works, they are not.
REPLACED = {
    'mmcv.transforms.loading.LoadAnnotations.transform',
    'mmengine.config.config.Config._get_cfg_path',
    'mmdet.apis.init_detector',
    'mmdet.apis.inference.init_detector',
    'mmdet.apis.inference_detector',
    'mmdet.apis.inference.inference_detector',
    'mmdet.apis.det_inferencer.DetInferencer.__call__',
    'mmdet.apis.det_inferencer.DetInferencer.__init__',
    'mmdet.apis.det_inferencer.DetInferencer._get_chunk_data',
    'mmdet.apis.det_inferencer.DetInferencer._inputs_to_list',
    'mmdet.apis.det_inferencer.DetInferencer._load_weights_to_model',
    'mmdet.apis.det_inferencer.DetInferencer.pred2dict',
    'mmdet.apis.det_inferencer.DetInferencer.visualize',
    'mmdet.evaluation.metrics.semseg_metric.SemSegMetric.process',
    'mmdet.evaluation.metrics.semseg_metric.imwrite',
    'mmengine.fileio.backends.local_backend.LocalBackend.get',
    'mmengine.infer.infer.BaseInferencer._init_model',
    'mmengine.model.weight_init.PretrainedInit.__call__',
    *(
        f'mmseg.apis.mmseg_inferencer.MMSegInferencer.{name}'
        for name in ('__call__', '_inputs_to_list', 'postprocess', 'preprocess', 'visualize')
    ),
    *(
        f'mmseg.{module}.{name}'
        for module, names in {
            'apis': ('inference_model', 'init_model'),
            'apis.inference': ('_preprare_data', 'init_model'),
            'apis.mmseg_inferencer': ('_load_checkpoint_to_model',),
            'apis.remote_sense_inferencer': ('_preprare_data',),
            'apis.utils': ('_preprare_data',),
        }.items()
        for name in names
    ),
    'mmengine.infer.infer._load_checkpoint_to_model',
    'mmengine.runner.checkpoint._load_checkpoint_to_model',
    'mmengine.runner.runner._load_checkpoint_to_model',
    'mmdet.apis.det_inferencer._load_checkpoint_to_model',
    'mmdet.datasets.get_loading_pipeline',
    'mmdet.datasets.utils.get_loading_pipeline',
    # Of the fork onedl alone.
    'mmengine.runner.checkpoint._safe_torch_load',
}
STAND_INS = {'mmcv._ext', 'panopticapi', 'panopticapi.utils', 'panopticapi.evaluation'}
SCRIPT = """
import json, os, signal, sys
import cv2, numpy, torch
from inspect import isclass
from torch.nn.modules import module as nn_module

def state():
    hooks = [len(hooks) for name, hooks in vars(nn_module).items() if name.startswith('_global_')
             and isinstance(hooks, dict)]
    return [dict(os.environ), sys.path, torch.get_num_threads(), cv2.getNumThreads(), hooks,
            torch.get_rng_state().sum().item(), str(torch.get_default_dtype()),
            numpy.random.get_state()[1].sum().item(), str(signal.getsignal(signal.SIGINT))]

before = json.dumps(state())
import projects.kmax
from projects.kmax import datasets, engine, evaluation, models, runtime, visualization
import mmdet.apis
after = json.dumps(state())
import mmseg.apis  # It sets a variable for tokenizers.

def is_ours(value):
    code = getattr(getattr(value, '__func__', value), '__code__', None)
    return '/kmax/compat/' in str(getattr(code, 'co_filename', ''))

PACKAGES = ('cityscapesscripts', 'mmcv', 'mmdet', 'mmengine', 'mmpretrain', 'mmseg', 'numpy',
            'panopticapi', 'torchvision')
stand_ins, replaced = [], []
for name, module in list(sys.modules.items()):
    if name.partition('.')[0] not in PACKAGES:
        continue
    kind = type(module).__module__ + module.__name__
    if 'projects.kmax' in kind:
        stand_ins.append(name)
        continue
    for key, value in list(vars(module).items()):
        if is_ours(value) and not value.__module__.startswith('projects'):
            replaced.append(f'{name}.{key}')
        if isclass(value) and value.__module__ == name:
            replaced += [f'{name}.{key}.{own}' for own in vars(value) if is_ours(vars(value)[own])]
print(json.dumps([before == after, stand_ins, replaced]))
"""


def test_importing_changes_what_is_listed():
    result = run_python(SCRIPT)
    assert result.returncode == 0, result.stderr
    unchanged, stand_ins, replaced = json.loads(result.stdout.splitlines()[-1])
    assert unchanged
    assert set(stand_ins) <= STAND_INS
    assert set(replaced) <= REPLACED and 'mmdet.apis.init_detector' in replaced
