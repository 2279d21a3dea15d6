"""Outlines of the tests."""


def box(left, top, right, bottom):
    """Return a rectangle as COCO's polygon."""
    return [[left, top, right, top, right, bottom, left, bottom]]
