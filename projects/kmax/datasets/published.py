"""What the published data sets have in common."""

from typing import Any

from .panoptic import KMaXPanopticDataset


class PublishedPanopticDataset(KMaXPanopticDataset):
    """A data set whose JSON comes from the official download or a public script.

    Not all of these give the areas and boxes of their PNGs: ADE20K's scripts write those of stuff
    before things cover it. Training therefore does not compare them unless told to.

    Args:
        *args: Arguments of :class:`KMaXPanopticDataset`.
        check_measures: As there.
        **kwargs: Its other arguments.
    """

    def __init__(self, *args: Any, check_measures: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, check_measures=check_measures, **kwargs)
