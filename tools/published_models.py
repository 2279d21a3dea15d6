"""List the published models; see projects/kmax/commands/models.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('models'))
