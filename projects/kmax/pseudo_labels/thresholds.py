"""How sure a prediction must be to be learnt from; imported to describe options."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """Filters of pseudo-labels; what they drop becomes void.

    Attributes:
        min_score: Lowest score of a segment: the mean probability of its pixels times the mean
            probability of its class.
        min_area: Fewest pixels of a segment.
        min_labelled: Least share of an image's pixels that its remaining segments cover; an image
            with less is left out.
    """

    min_score: float = 0.5
    min_area: int = 64
    min_labelled: float = 0.5
