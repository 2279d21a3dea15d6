"""Count the parameters and multiply-adds of models; see projects/kmax/commands/cost.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('cost'))
