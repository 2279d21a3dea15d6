#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG PROCESSES [arguments of train.py]
# One process per GPU, or that many processes on the CPU of a machine without one.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo 'usage: bash tools/dist_train.sh CONFIG PROCESSES [arguments of train.py]' >&2
    exit 2
fi
exec bash "$(dirname "$0")/dist_run.sh" "$2" train.py "$1" "${@:3}"
