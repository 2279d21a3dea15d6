"""A model as one file, from the padded image to the panoptic map, which runs without torch."""
