"""Train a model; see projects/kmax/commands/train.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('train'))
