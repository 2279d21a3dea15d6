#!/usr/bin/env bash
# bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of test.py]
# One process per GPU, or that many processes on the CPU of a machine without one.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo 'usage: bash tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [arguments of test.py]' >&2
    exit 2
fi
exec bash "$(dirname "$0")/dist_run.sh" "$3" test.py "$1" "$2" "${@:4}"
