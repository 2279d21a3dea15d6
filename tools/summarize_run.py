"""Gather what tools/quickstart.sh measured; see projects/kmax/commands/summarize.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('summarize'))
