"""Measure the training pipeline of a config; see tools/benchmarks/pipeline.py."""

from _command import benchmark

if __name__ == '__main__':
    benchmark('pipeline')
