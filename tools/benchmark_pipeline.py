"""Measure the training pipeline of a config; see tools/benchmarks/pipeline.py."""

from _command import of_clone

if __name__ == '__main__':
    of_clone('benchmarks.pipeline')
