"""All kinds, by importing the files that enter them."""

from importlib import import_module
from pathlib import Path

import kinds

for path in sorted(Path(__file__).parent.glob('*_kinds.py')):
    if path != Path(__file__):
        import_module(path.stem)

KINDS = kinds.KINDS
