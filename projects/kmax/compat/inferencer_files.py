"""mmdet's inferencer writes one file for images of one name in several folders, or half a file.

``DetInferencer`` names what it writes into ``out_dir`` by the image alone: the last of equal names
remains, over the image itself where that lies in ``out_dir/vis``. A full disk leaves a part.

Upstream: https://github.com/open-mmlab/mmdetection (``mmdet/apis/det_inferencer.py``).
Delete when it keeps folders, or numbers what it writes, and writes files that are whole or absent.
"""

import importlib
import inspect
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import TEMPORARY_SUFFIX, naming
from kmax_deeplab.paths import refuse_replacing


@contextmanager
def staging(folder: str, file: Path) -> Iterator[Path]:
    """Give a folder, on the same disk, whose files are moved or go with it.

    An OSError names ``file``, for which it is.
    """
    os.makedirs(folder, exist_ok=True)
    stage = tempfile.mkdtemp(TEMPORARY_SUFFIX, '.', folder)
    try:
        with naming(file):
            yield Path(stage)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def claim(inferencer: Any, file: Path, owner: Any) -> Path:
    """Return a file that this inferencer has not written of another image: numbered if it has."""
    owner_of = inferencer.__dict__.setdefault('_owner_of_file', {})
    number, chosen = 1, file
    while owner_of.setdefault(chosen, owner) != owner:
        number += 1
        chosen = file.with_stem(f'{file.stem}_{number}')
    return chosen


def move(stage: Path, folder: Path) -> None:
    """Move the files of a stage to where they belong."""
    for file in sorted(path for path in stage.rglob('*') if path.is_file()):
        target = folder / file.relative_to(stage)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


def draw_whole(inferencer_class: Any, below: str) -> None:
    """Let an inferencer draw each image to a file of its own.

    Args:
        inferencer_class: Its class.
        below: The folder in the one that it is given to which it draws.
    """
    visualize = inferencer_class.visualize
    signature = inspect.signature(visualize)

    @wraps(visualize)
    def visualize_whole(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        given = call.arguments
        folder = given.get('img_out_dir') or ''
        if not folder or given.get('no_save_vis') is True:
            return visualize(*args, **kwargs)
        drawn: list[Any] = []
        for image, pred in zip(given['inputs'], given['preds'], strict=False):
            owner = os.path.abspath(image) if isinstance(image, str | Path) else object()
            name = Path(owner).name if isinstance(owner, str) else ''
            with staging(folder, Path(folder, below, name)) as stage:
                given |= dict(inputs=[image], preds=[pred], img_out_dir=str(stage))
                drawn += visualize(*call.args, **call.kwargs) or []
                for file in [path for path in stage.rglob('*') if path.is_file()]:
                    wanted = Path(folder, file.relative_to(stage))
                    target = claim(given['self'], wanted, owner)
                    if isinstance(owner, str):
                        refuse_replacing([target], [owner])
                    file.rename(file.with_name(target.name))
                move(stage, Path(folder))
        return drawn or None

    inferencer_class.visualize = visualize_whole


def save_whole(inferencer_class: Any) -> None:
    """Let an inferencer save what it predicts of each image in files of its own."""
    pred2dict = inferencer_class.pred2dict

    @wraps(pred2dict)
    def pred2dict_whole(self: Any, data_sample: Any, pred_out_dir: str = '') -> Any:
        if not pred_out_dir:
            return pred2dict(self, data_sample, pred_out_dir)
        path, wanted = data_sample.get('img_path'), Path(pred_out_dir, 'preds')
        if path is not None:
            wanted /= f'{Path(path).stem}.json'
            stem = claim(self, wanted, os.path.abspath(path)).stem
            data_sample = data_sample.new()
            data_sample.set_metainfo(dict(img_path=f'{stem}{Path(path).suffix}'))
        with staging(pred_out_dir, wanted) as stage:
            result = pred2dict(self, data_sample, str(stage))
            _tell_final_place(stage, Path(pred_out_dir), result)
            move(stage, Path(pred_out_dir))
        return result

    inferencer_class.pred2dict = pred2dict_whole


def predict_whole(inferencer_class: Any) -> None:
    """Let an inferencer that saves all predictions of a call at once save whole files."""
    postprocess = inferencer_class.postprocess
    signature = inspect.signature(postprocess)

    @wraps(postprocess)
    def postprocess_whole(*args: Any, **kwargs: Any) -> Any:
        call = signature.bind(*args, **kwargs)
        folder = call.arguments.get('pred_out_dir') or ''
        if not folder or call.arguments.get('return_datasample'):
            return postprocess(*args, **kwargs)
        with staging(folder, Path(folder)) as stage:
            call.arguments['pred_out_dir'] = str(stage)
            results = postprocess(*call.args, **call.kwargs)
            move(stage, Path(folder))
        return results

    inferencer_class.postprocess = postprocess_whole


def _tell_final_place(stage: Path, folder: Path, result: dict) -> None:
    """Replace the stage in the paths of a result and of its JSON."""
    for key, value in result.items():
        if isinstance(value, str):
            result[key] = value.replace(str(stage), str(folder))
    for file in stage.rglob('*.json'):
        here, there = (json.dumps(str(place))[1:-1] for place in (stage, folder))
        file.write_text(file.read_text().replace(here, there))


def apply() -> None:
    """Wrap both methods, after whatever else changes them."""
    apis = importlib.import_module('mmdet.apis')
    draw_whole(apis.DetInferencer, 'vis')
    save_whole(apis.DetInferencer)
