"""Write the labels of other formats in COCO's panoptic one; see commands/import_labels.py."""

from _command import run

if __name__ == '__main__':
    raise SystemExit(run('import'))
