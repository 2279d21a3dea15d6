"""Draw what a model makes of images of the test set; see projects/kmax/commands/draw.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('draw'))
