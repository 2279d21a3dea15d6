"""Measure how cost grows with the work; see tools/benchmarks/curves.py."""

from _command import of_clone

if __name__ == '__main__':
    of_clone('benchmarks.curves')
