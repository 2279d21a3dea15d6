"""Evaluate a checkpoint; see projects/kmax/commands/test.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('test'))
