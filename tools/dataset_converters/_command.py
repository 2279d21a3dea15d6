"""What these tools begin with, as those of the folder above."""

import runpy
from pathlib import Path

run = runpy.run_path(str(Path(__file__).resolve().parents[1] / '_command.py'))['run']
