"""Compare the speed of panoptic quality; see tools/benchmarks/pq.py."""

from _command import benchmark

if __name__ == '__main__':
    benchmark('pq')
