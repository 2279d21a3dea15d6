#!/usr/bin/env bash
# Source this: it sets PYTHON to an interpreter in which torch and mmdet import. That is the active
# environment's if it has them, else the one of .venv, made from requirements.txt on first use.
# "source tools/env.sh test" also installs what the tests need. With KMAX_STACK=onedl it is .venv-onedl,
# made from requirements-onedl.txt, in either case.

KMAX_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

kmax_imports() { # interpreter, modules
    "$1" -W ignore -c 'import importlib, sys; [importlib.import_module(m) for m in sys.argv[1:]]' \
        "${@:2}" >/dev/null 2>&1
}

kmax_is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

kmax_make_venv() {
    local python
    for python in python3.11 python3.12 python3.13 python3 python; do
        kmax_is_supported "$python" || continue
        echo "env: making ${KMAX_VENV##*/} with $("$python" --version), $(command -v "$python")"
        "$python" -m venv "$KMAX_VENV" && return 0
        echo "env: $python -m venv failed; on Debian and Ubuntu: apt-get install python3-venv" >&2
        return 1
    done
    echo 'env: Python 3.11, 3.12 or 3.13 is needed, and none was found on PATH' >&2
    return 1
}

kmax_select_python() {
    local requirements=requirements.txt
    KMAX_VENV="$KMAX_ROOT/.venv"
    case "${KMAX_STACK:-}" in
    '') kmax_use_active && return ;;
    onedl)
        KMAX_VENV="$KMAX_ROOT/.venv-onedl"
        requirements=requirements-onedl.txt
        ;;
    *)
        echo "env: KMAX_STACK is onedl or empty, not $KMAX_STACK" >&2
        return 1
        ;;
    esac
    PYTHON="$KMAX_VENV/bin/python"
    if kmax_imports "$PYTHON" torch mmdet; then
        echo "env: using ${KMAX_VENV##*/}"
        return 0
    fi
    # Without python3-venv, Debian makes one without pip.
    "$PYTHON" -m pip --version >/dev/null 2>&1 || kmax_make_venv || return 1
    echo "env: this takes 1.6 GB, or 5.4 GB where pip finds torch with CUDA; PyTorch's page says"
    echo '     which PIP_EXTRA_INDEX_URL to set before the command for the smaller one, torch for CPUs'
    kmax_install "$requirements"
}

kmax_use_active() {
    local python
    for python in python python3; do
        if kmax_is_supported "$python" && kmax_imports "$python" torch mmdet; then
            PYTHON="$(command -v "$python")"
            echo "env: using the active environment, $PYTHON"
            return 0
        fi
    done
    return 1
}

kmax_install_test_tools() {
    kmax_imports "$PYTHON" pytest xdist ruff mypy || kmax_install requirements-test.txt || return 1
    kmax_imports "$PYTHON" cityscapesscripts faster_coco_eval || kmax_install requirements-metrics.txt ||
        echo "env: without cityscapesScripts and faster-coco-eval, whose tests are skipped" >&2
}

kmax_install() {
    echo "env: installing $1 for $PYTHON"
    "$PYTHON" -m pip install --disable-pip-version-check -q -r "$KMAX_ROOT/$1"
}

kmax_select_python && { [ "${1:-}" != test ] || kmax_install_test_tools; } && export PYTHON
