"""Compare trainings or evaluations; see projects/kmax/commands/analyze.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('analyze'))
