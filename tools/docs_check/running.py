"""Runs documented commands in a folder with drawn data and a model that has seen little of it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kmax_deeplab.released import list_models

from .pages import Command
from .words import ROOT

ITERATIONS = 20
LIMIT = 300
"""Seconds that a command may take."""

WEIGHTS = 'work_dirs/quickstart/iter_2000.pth'
STANDS_FOR = {
    'CONFIG': 'kmax_nano_shapes-panoptic',
    '$CONFIG': 'kmax_nano_shapes-panoptic',
    'CHECKPOINT': WEIGHTS,
    'ANOTHER': WEIGHTS,
    'folder/': 'photos',
    'train/': 'photos',
    'val/': 'photos',
    'IMAGES': 'photos',
    'OUT': 'work_dirs/labels',
    'CKPT': WEIGHTS,
    'DIR': 'work_dirs/report',
    'FILE': 'work_dirs/curve.png',
    'FILE.png': 'work_dirs/curve.png',
    'work_dirs/A': 'work_dirs/quickstart',
    'work_dirs/B': 'work_dirs/quickstart',
    'WORK_DIR_A': 'work_dirs/quickstart',
    'WORK_DIR_B': 'work_dirs/quickstart',
}
SHORT = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
"""What makes a training short."""

LEFT_OUT = {
    'it installs': ('pip', 'apt-get', 'docker'),
    'it is the tests': ('tools/run_tests.sh', 'pytest'),
    'it needs a cluster': ('dist_t', 'dist_run', 'slurm_train', 'srun'),
    'it downloads': ('curl', 'convert_checkpoint.py', '--fetch', 'tar.gz', 'load_from='),
    'it needs the official data': (
        '_coco', '_cityscapes', '_ade20k', 'coco.py', 'cityscapes.py', 'ade20k.py', 'data/coco',
        'custom-panoptic', 'csCreateTrainIdLabelImgs',
    ),
    'it serves until it is stopped': ('app',),
    'it needs a server': ('cvat_cli',),
    'it takes an hour': ('benchmark_curves.py', '--peer'),
    'it needs a compiler': ('--compile', 'compiled'),
    'it is for the shell': ('export', 'for', 'done', 'wait', 'evaluate', 'evaluate_port', '}'),
}  # fmt: skip


def run_commands(commands: Sequence[Command]) -> list[str]:
    """Run what can be run here, print what is left out, and return the faults."""
    names = {model.alias for model in list_models()}
    left: Counter[str] = Counter()
    faults, ran = [], 0
    with tempfile.TemporaryDirectory(prefix='kmax-docs-') as place:
        folder = Path(place)
        environment = prepare(folder)
        for command in commands:
            reason = reason_against(command, names)
            if reason is not None:
                left[reason] += 1
                print(f'left out, as {reason}: {command.place}: {command}')
                continue
            started = time.monotonic()
            fault = _run(command, folder, environment)
            ran += 1
            print(f'{time.monotonic() - started:5.1f} s  {command.place}: {command}', flush=True)
            if fault is not None:
                faults.append(f'{command.place}: {fault}: {command}')
    told = ', '.join(f'{count} as {reason}' for reason, count in left.most_common())
    print(f'{ran} commands ran, {len(faults)} failed; left out: {told}')
    return faults


def reason_against(command: Command, published: set[str]) -> str | None:
    """Say why a command is not run; None where it is."""
    for word in command.words:
        if word in published:
            return 'it downloads'
        for reason, signs in LEFT_OUT.items():
            if any(word == sign or (len(sign) > 4 and sign in word) for sign in signs):
                return reason
    if command.words[0] not in ('kmax-deeplab', 'python', 'bash'):
        return 'it is for the shell'
    return None


def prepare(folder: Path) -> dict[str, str]:
    """Make the folder that commands run in, and return their environment."""
    for path in ROOT.iterdir():
        if path.name not in ('data', 'work_dirs') and not path.name.startswith('.'):
            (folder / path.name).symlink_to(path)
    own = folder / 'bin'
    own.mkdir()
    script = own / 'kmax-deeplab'
    call = 'from kmax_deeplab.cli import main; raise SystemExit(main())'
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" "$@"\n')
    script.chmod(0o755)
    (own / 'python').symlink_to(sys.executable)
    environment = dict(
        os.environ,
        PATH=f'{own}:{Path(sys.executable).parent}:{os.environ["PATH"]}',
        PYTHONPATH=str(ROOT),
        NUM_TRAIN='24',
        NUM_VAL='6',
        MPLBACKEND='Agg',
    )
    options = [f'train_cfg.max_iters={ITERATIONS}', f'train_cfg.val_interval={ITERATIONS}']
    done = _call(['bash', 'tools/quickstart.sh', '--cfg-options', *options], folder, environment)
    if done is not None:
        raise SystemExit(f'tools/quickstart.sh: {done}')
    trained = folder / f'work_dirs/quickstart/iter_{ITERATIONS}.pth'
    shutil.copy(trained, folder / WEIGHTS)
    _draw_inputs(folder)
    return environment


def _draw_inputs(folder: Path) -> None:
    """Put what pages call photos, a video and labels of another format into the folder."""
    photos = folder / 'photos'
    shutil.copytree(folder / 'data/shapes/val', photos)
    images = sorted(photos.iterdir())
    shutil.copy(images[0], folder / 'street.jpg')
    frames = [cv2.imread(str(path)) for path in images]
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*'mp4v')
    video = cv2.VideoWriter(str(folder / 'drive.mp4'), code, 5, (width, height))
    for frame in frames:
        video.write(frame)
    video.release()
    boxes = np.array([[10, 10, 60, 10, 60, 60, 10, 60]])
    labels = dict(
        images=[
            dict(id=k, file_name=path.name, height=height, width=width)
            for k, path in enumerate(images)
        ],
        annotations=[
            dict(
                id=k + 1, image_id=k, category_id=1, iscrowd=0, area=2500, bbox=[10, 10, 50, 50],
                segmentation=boxes.tolist(),
            )
            for k in range(len(images))
        ],
        categories=[dict(id=1, name='box')],
    )  # fmt: skip
    (folder / 'instances.json').write_text(json.dumps(labels))


def _run(command: Command, folder: Path, environment: dict[str, str]) -> str | None:
    words = [STANDS_FOR.get(word, word) for word in command.words]
    words = [str(_newest(folder, word)) if 'iter_N' in word else word for word in words]
    if 'train' in words[1:2] or words[1:2] == ['tools/train.py']:
        words += SHORT
    if words[:2] == ['bash', 'tools/quickstart.sh']:
        return None  # It has made the folder.
    return _call(words, folder, environment)


def _newest(folder: Path, pattern: str) -> Path | str:
    found = sorted(folder.glob(pattern.replace('iter_N', 'iter_*')))
    return found[-1].relative_to(folder) if found else pattern


def _call(words: Sequence[str], folder: Path, environment: dict[str, str]) -> str | None:
    """Run a command, and return what is wrong with it, if anything is."""
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return f'it takes longer than {LIMIT} s'
    except OSError as error:
        return f'it cannot be run ({error.strerror})'
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or ['no message'])[-1]
    return f'it ends with {done.returncode} ({last})'
