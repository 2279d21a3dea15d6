"""Export a model as one file; see projects/kmax/commands/export.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('export'))
