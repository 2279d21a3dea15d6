"""What an exported file says of itself, so that nobody needs the config to run it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmengine.config import Config

import kmax_deeplab
from kmax_deeplab.exported.contract import FORMAT, FORMAT_VERSION
from kmax_deeplab.result import Classes

from ..models.postprocess import PostprocessConfig
from .pipelines import describe_pipeline

LICENSE = 'code: Apache-2.0; weights: as those of the checkpoint'
PACKAGES = ('torch', 'onnx', 'onnxscript')
SWITCHES = ('panoptic_on', 'semantic_on', 'instance_on', 'postprocess', 'max_per_image')


def describe(
    config: Config,
    checkpoint: Path,
    classes: Classes,
    cfg: PostprocessConfig,
    size: Sequence[int],
    *,
    output: str,
    precision: str,
    dynamic: bool,
    calibrated_on: int | None = None,
) -> dict[str, Any]:
    """Return the metadata of a file.

    Args:
        config: That of the model, already brought to the size.
        checkpoint: Its weights.
        classes: What labels stand for.
        cfg: Rules and thresholds.
        size: ``(H, W)`` of the input.
        output: ``'maps'`` or ``'logits'``.
        precision: In which the network computes.
        dynamic: Whether inputs may have other sizes of the form 32k + 1.
        calibrated_on: Number of images that ranges of integers were taken from, if there are any.
    """
    entries = classes.categories()
    return dict(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        output=output,
        precision=precision,
        calibrated_on=calibrated_on,
        rules=cfg.postprocess,
        classes=[
            dict(
                name=entry['name'],
                isthing=bool(entry['isthing']),
                color=[int(level) for level in entry['color']],
                category_id=entry['id'],
            )
            for entry in entries
        ],
        num_things=classes.num_things,
        size=list(size),
        dynamic=dynamic,
        **describe_pipeline(config),
        merges_at='input',
        thresholds={name: value for name, value in asdict(cfg).items() if name not in SWITCHES},
        config=Path(config.filename).name,
        checkpoint=dict(name=checkpoint.name, sha256=_sha256(checkpoint)),
        versions=dict(
            {name: version(name) for name in PACKAGES}, kmax_deeplab=kmax_deeplab.__version__
        ),
        license=LICENSE,
    )


def encode(metadata: dict[str, Any]) -> str:
    """Return the text of the entry."""
    return json.dumps(metadata, ensure_ascii=False)


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
