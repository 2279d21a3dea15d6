#!/usr/bin/env bash
# Starts PROCESSES of a tool with torchrun: dist_run.sh PROCESSES TOOL [arguments of the tool].
# Reads NNODES, NODE_RANK, MASTER_ADDR and PORT, as OpenMMLab's scripts do. Options of torchrun, wherever
# they stand, go to it: --max-restarts N, --rdzv-backend, --rdzv-endpoint, --rdzv-id and --rdzv-conf.
set -euo pipefail
tools="$(cd "$(dirname "$0")" && pwd)"
source "$tools/env.sh"

launcher=() rest=() restarts=
while [ $# -gt 0 ]; do
    case "$1" in
        --max[-_]restarts=* | --rdzv[-_]*=*) launcher+=("$1") ;;
        --max[-_]restarts | --rdzv[-_]*)
            if [ $# -lt 2 ]; then
                echo "dist_run.sh: error: $1 needs a value" >&2
                exit 2
            fi
            launcher+=("$1" "$2")
            shift
            ;;
        *) rest+=("$1") ;;
    esac
    [[ ${launcher[*]-} != *--max[-_]restarts* ]] || restarts=yes
    shift
done
set -- ${rest[@]+"${rest[@]}"}
if [ $# -lt 3 ]; then
    echo 'usage: bash tools/dist_run.sh PROCESSES TOOL CONFIG [arguments of the tool]' >&2
    exit 2
fi

# Said once, here, and not by every process.
if [[ ! $1 =~ ^[1-9][0-9]*$ ]]; then
    echo "dist_run.sh: error: the number of processes must be at least 1, but is $1" >&2
    exit 2
fi
"$PYTHON" -c '
import sys

sys.path.insert(0, sys.argv[1])
from kmax_deeplab.configs import find_config

try:
    "://" in sys.argv[2] or find_config(sys.argv[2])
except ValueError as error:
    print(f"dist_run.sh: error: {error}", file=sys.stderr)
    sys.exit(2)
' "$tools/.." "$3"

# A process that is started again would begin its training anew.
if [ -n "$restarts" ] && [ "$2" = train.py ] && [[ " ${*:4} " != *" --resume"[\ =]* ]]; then
    echo 'dist_run.sh: error: --max-restarts needs --resume, by which a training goes on' >&2
    exit 2
fi

if ! command -v nvidia-smi >/dev/null; then
    threads=$(($(getconf _NPROCESSORS_ONLN) / $1))
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$((threads > 0 ? threads : 1))}
fi
exec "$PYTHON" "$tools/_processes.py" \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$1" \
    ${launcher[@]+"${launcher[@]}"} \
    "$tools/$2" "${@:3}" --launcher pytorch
