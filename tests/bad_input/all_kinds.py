"""All kinds, by importing the files that enter them."""

import annotation_kinds  # noqa: F401
import export_kinds  # noqa: F401
import image_kinds  # noqa: F401
import kinds
import metric_kinds  # noqa: F401
import preparation_kinds  # noqa: F401
import semantic_kinds  # noqa: F401
import split_kinds  # noqa: F401

KINDS = kinds.KINDS
