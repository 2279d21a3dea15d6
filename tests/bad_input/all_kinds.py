"""All kinds, by importing the files that enter them."""

import annotation_kinds  # noqa: F401
import config_kinds  # noqa: F401
import setting_kinds  # noqa: F401
import kinds

KINDS = kinds.KINDS
