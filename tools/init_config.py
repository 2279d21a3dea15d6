"""Write a config for your own data; see projects/kmax/commands/init.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('init'))
