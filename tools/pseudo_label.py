"""Label images with a model; see projects/kmax/commands/label.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('label'))
