"""Compare the speed of panoptic quality; see tools/benchmarks/pq.py."""

from _command import of_clone

if __name__ == '__main__':
    of_clone('benchmarks.pq')
