"""Prepare ADE20K panoptic; see projects/kmax/commands/prepare_ade20k.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('prepare-ade20k'))
