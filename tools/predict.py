"""Find the segments of images and videos; see projects/kmax/commands/predict.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('predict'))
