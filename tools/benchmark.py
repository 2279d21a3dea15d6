"""Measure a model's speed and memory; see projects/kmax/commands/benchmark.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('benchmark'))
