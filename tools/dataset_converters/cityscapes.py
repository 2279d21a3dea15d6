"""Prepare Cityscapes panoptic; see projects/kmax/commands/prepare_cityscapes.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('prepare-cityscapes'))
