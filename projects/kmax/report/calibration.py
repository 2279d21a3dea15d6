"""Whether scores of segments are the shares of them that are right."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 10


def _zeros() -> NDArray[np.float64]:
    return np.zeros(NUM_BINS)


@dataclass
class Calibration:
    """Scores of predicted segments in bins of equal width between 0 and 1.

    Attributes:
        segments: ``(10,)`` number of them.
        scores: ``(10,)`` sum of their scores.
        hits: ``(10,)`` how many are true positives.
    """

    segments: NDArray[np.float64] = field(default_factory=_zeros)
    scores: NDArray[np.float64] = field(default_factory=_zeros)
    hits: NDArray[np.float64] = field(default_factory=_zeros)

    @classmethod
    def of(cls, judged: Iterable[tuple[float, bool]]) -> 'Calibration':
        """Count scores and whether each is of a true positive."""
        pairs = np.array(list(judged), np.float64).reshape(-1, 2)
        scores = np.clip(pairs[:, 0], 0, 1)
        places = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
        segments, sums, hits = (
            np.bincount(places, weights, minlength=NUM_BINS).astype(np.float64)
            for weights in (None, scores, pairs[:, 1])
        )
        return cls(segments, sums, hits)

    def add(self, other: 'Calibration') -> None:
        """Add those of another image."""
        self.segments += other.segments
        self.scores += other.scores
        self.hits += other.hits

    def error(self) -> float:
        """Return the expected calibration error (Guo et al., ICML 2017), 0 without segments.

        It is the mean distance of score and share of true positives over bins, weighted by their
        segments.
        """
        total = self.segments.sum()
        return float(np.abs(self.scores - self.hits).sum() / total) if total else 0.0

    def describe(self) -> Iterator[dict[str, float | None]]:
        """Yield of each bin its limits, number of segments, mean score and share of hits."""
        for place, (count, score, hit) in enumerate(
            zip(self.segments, self.scores, self.hits, strict=True)
        ):
            yield dict(
                low=place / NUM_BINS,
                high=(place + 1) / NUM_BINS,
                segments=int(count),
                score=float(score / count) if count else None,
                precision=float(hit / count) if count else None,
            )
