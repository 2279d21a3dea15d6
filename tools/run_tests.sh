#!/usr/bin/env bash
# Lint, types and tests; further arguments go to pytest ("-m slow" runs the slow tests).
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/env.sh test

# Small tensors on few cores: more threads only spin (and each test may start processes of its own).
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MPLBACKEND=Agg

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy projects/kmax kmax_deeplab
"$PYTHON" -m pytest -n 2 --dist loadfile --durations 10 "$@"
