"""Random numbers that depend on where training is, not on how it got there."""

import random

import numpy as np
import torch

# What a key is for, so that a step and a sample of the same number do not draw alike.
STEP, SAMPLE = 0, 1


def seed_step(seed: int, rank: int, iteration: int) -> None:
    """Seed every global generator for one iteration of one process."""
    torch.manual_seed(_seed_python_and_numpy(seed, STEP, rank, iteration))


def seed_sample(seed: int, position: int) -> None:
    """Seed the host's generators for a sample; ``position`` counts over the run's processes."""
    # Only the host's: a data worker must not touch a GPU.
    torch.default_generator.manual_seed(_seed_python_and_numpy(seed, SAMPLE, position))


def _seed_python_and_numpy(*key: int) -> int:
    """Seed both and return the seed for torch."""
    words = np.random.SeedSequence(key).generate_state(3, np.uint64).tolist()
    random.seed(words[0])
    np.random.seed(words[1] % 2**32)
    return words[2] >> 1
