"""All kinds, by importing the files that enter them."""

import annotation_kinds  # noqa: F401
import checkpoint_kinds  # noqa: F401
import image_kinds  # noqa: F401
import kinds

KINDS = kinds.KINDS
