"""Prepare COCO panoptic; see projects/kmax/commands/prepare_coco.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('prepare-coco'))
