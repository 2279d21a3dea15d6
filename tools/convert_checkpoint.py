"""Convert a released checkpoint; see projects/kmax/commands/convert.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('convert'))
