"""All kinds, by importing the files that enter them."""

import annotation_kinds  # noqa: F401
import config_kinds  # noqa: F401
import file_kinds  # noqa: F401
import kinds
import setting_kinds  # noqa: F401
import training_kinds  # noqa: F401

KINDS = kinds.KINDS
