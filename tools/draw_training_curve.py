"""Draw the losses and the quality of trainings; see projects/kmax/commands/curve.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('curve'))
