#!/usr/bin/env bash
# Draw the shapes data set, train the nano model on it, evaluate it and draw what it does.
# "--cfg-options KEY=VALUE ..." changes the config; the variables WORK_DIR, NUM_TRAIN and NUM_VAL set
# where everything is written and how many scenes are drawn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/env.sh

CONFIG=configs/kmax/kmax_nano_shapes-panoptic.py
WORK_DIR=${WORK_DIR:-work_dirs/quickstart}
mkdir -p "$WORK_DIR"
rm -rf "$WORK_DIR/results.json" "$WORK_DIR/pictures" "$WORK_DIR/training_curve.png"
TIMES=$WORK_DIR/stages.tsv
: >"$TIMES"

stage() { # NAME COMMAND...: run a command, note it and how long it took
    local name=$1 start=$SECONDS
    shift
    echo
    echo "==> $name: $*"
    "$@"
    printf '%s\t%s\t%s\n' "$name" "$((SECONDS - start))" "$*" >>"$TIMES"
}

stage data "$PYTHON" tools/dataset_converters/make_shapes.py data/shapes \
    --train "${NUM_TRAIN:-4000}" --val "${NUM_VAL:-100}"
stage train "$PYTHON" tools/train.py "$CONFIG" --work-dir "$WORK_DIR" "$@"
CHECKPOINT=$(cat "$WORK_DIR/last_checkpoint")
stage test "$PYTHON" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK_DIR/test" "$@"
stage pictures "$PYTHON" tools/draw_results.py "$CONFIG" "$CHECKPOINT" "$WORK_DIR/pictures" "$@"
stage curve "$PYTHON" tools/draw_training_curve.py "$WORK_DIR"
"$PYTHON" tools/summarize_run.py "$WORK_DIR"
