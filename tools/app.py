"""Try a model out in the browser; see projects/kmax/commands/app.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('app'))
