"""List a folder of images in a JSON; see projects/kmax/commands/prepare_unlabeled.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('prepare-unlabeled'))
