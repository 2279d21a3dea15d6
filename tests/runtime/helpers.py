"""What the tests of several folders build and run."""

import resource
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch
from imports import ROOT
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData, PixelData

from kmax_deeplab import cli

NANO = ROOT / 'configs/kmax/kmax_nano_shapes-panoptic.py'


SMALL_BACKBONES = {
    'axial': (
        dict(
            type='AxialResNet',
            stem_channels=(8, 8, 16),
            channels=(8, 8, 16, 16),
            num_blocks=(1, 1, 2, 1),
            num_axial=(0, 0, 1, 1),
        ),
        [16, 32, 32, 64, 64],
    ),
    'convnext': (
        dict(
            type='KMaXConvNeXt',
            arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 32, 64]),
            drop_path_rate=0,
        ),
        [8, 8, 16, 32, 64],
    ),
}
"""Configs of backbones, and the channels that they give."""


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@contextmanager
def files_limited_to(size):
    """Let no file of this process grow beyond some bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def checkpoint_files(folder):
    """Return the names of checkpoints, and of files that were not written to their end."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in ('.pth', '.partial'))


def run_python(script):
    """Run a script in a process of its own, in the root of the repository."""
    command = [sys.executable, '-W', 'ignore', '-c', script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def run_command(name, *argv):
    """Run a command of the package in this process, as its tool does."""
    # Loggers of earlier tests write elsewhere.
    MMLogger._instance_dict.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [str(word) for word in argv])
        return cli.run(name)


def build_model(config):
    """Build a model and draw its weights."""
    model = MODELS.build(config)
    model.init_weights()
    return model


def panoptic_sample(ids, labels, **metainfo):
    """Return a sample of an id map (1, H, W) and the labels of its segments."""
    sample = DetDataSample(metainfo=metainfo)
    sample.gt_panoptic_seg = PixelData(ids=ids.to(torch.int16))
    sample.gt_segments = InstanceData(labels=torch.as_tensor(labels, dtype=torch.int64))
    return sample


def two_segments(height, width):
    """Return a sample of a segment above another and void."""
    ids = torch.zeros(1, height, width)
    ids[:, : height // 2], ids[:, height // 2 :, : width // 2] = 1, 2
    size = (height, width)
    return panoptic_sample(ids, [7, 2], img_shape=size, ori_shape=size)
