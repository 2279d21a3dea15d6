"""Write pre-annotations for Label Studio; see projects/kmax/commands/preannotate.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('preannotate'))
