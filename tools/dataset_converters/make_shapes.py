"""Draw a procedural panoptic data set; see projects/kmax/commands/shapes.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('shapes'))
