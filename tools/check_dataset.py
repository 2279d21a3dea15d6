"""Look at a config's data sets before training; see projects/kmax/commands/check.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('check'))
