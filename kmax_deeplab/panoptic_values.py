"""How panoptic maps are written: ids, and values that hold a class and an instance."""

INSTANCE_OFFSET = 1000
"""What mmdet multiplies instances by; of its own name for it, half of mmdet would be imported."""

VOID_ID = 0
"""Id of void pixels in panoptic PNGs and in maps of ids."""

IGNORED_LABEL = 255
"""Label of void pixels in semantic maps."""
