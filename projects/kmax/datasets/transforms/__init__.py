"""Transforms that move an image and its map, of panoptic ids or of classes, together."""
