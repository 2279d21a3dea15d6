"""Measure how cost grows with the work; see tools/benchmarks/curves.py."""

from _command import benchmark

if __name__ == '__main__':
    benchmark('curves')
