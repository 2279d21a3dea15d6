#!/usr/bin/env bash
# Draw the shapes data set, train the nano model on it, evaluate it and draw what it does.
# "--minutes M" trains as long as fits into M minutes from now on this machine, and "--cfg-options
# KEY=VALUE ..." after it changes the config; the variables WORK_DIR, NUM_TRAIN and NUM_VAL set where
# everything is written and how many scenes are drawn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
MINUTES=
if [ "${1-}" = --minutes ]; then
    MINUTES=${2-}
    if ! [[ $MINUTES =~ ^[0-9]+([.][0-9]+)?$ ]]; then
        echo "quickstart.sh: error: --minutes must be a number, but is ${MINUTES:-missing}" >&2
        exit 2
    fi
    shift 2
fi

source tools/env.sh
BEGAN=$SECONDS

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
FIT=()
if [ -n "$MINUTES" ]; then
    # What comes after the training takes half a minute, and more on slower machines.
    LEFT="max(0.01, round($MINUTES * 11 / 12 - 0.4 - ($SECONDS - $BEGAN) / 60, 2))"
    FIT=(--minutes "$("$PYTHON" -c "print($LEFT)")")
fi
stage train "$PYTHON" tools/train.py "$CONFIG" --work-dir "$WORK_DIR" ${FIT[@]+"${FIT[@]}"} "$@"
CHECKPOINT=$(cat "$WORK_DIR/last_checkpoint")
stage test "$PYTHON" tools/test.py "$CONFIG" "$CHECKPOINT" --work-dir "$WORK_DIR/test" "$@"
stage pictures "$PYTHON" tools/draw_results.py "$CONFIG" "$CHECKPOINT" "$WORK_DIR/pictures" "$@"
stage curve "$PYTHON" tools/draw_training_curve.py "$WORK_DIR"
"$PYTHON" tools/summarize_run.py "$WORK_DIR"

SCENE=data/shapes/val/000022.jpg
[ -f "$SCENE" ] || SCENE=data/shapes/val/000001.jpg
NEXT=("${PYTHON#"$PWD"/}" tools/predict.py "$SCENE" --out out)
if [ "$WORK_DIR" != work_dirs/quickstart ]; then
    NEXT+=(--model "$WORK_DIR/$(basename "$CONFIG")" --weights "$CHECKPOINT")
fi
echo
echo "Segments of one image, in $PWD:"
printf ' %q' "${NEXT[@]}"
echo
