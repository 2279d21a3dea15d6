"""All kinds, by importing the files that enter them."""

import annotation_kinds  # noqa: F401
import checkpoint_kinds  # noqa: F401
import convert_kinds  # noqa: F401
import drawing_kinds  # noqa: F401
import image_kinds  # noqa: F401
import inference_kinds  # noqa: F401
import kinds
import label_kinds  # noqa: F401

KINDS = kinds.KINDS
