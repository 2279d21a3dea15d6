"""What kinds of bad data have in common: the files, and the commands that read them."""

import json

TRAIN, VAL = 'data/panoptic_train.json', 'data/panoptic_val.json'
PATH = r'data/panoptic_(train|val)\.json'
CHECK = ('check', 'config.py', '--workers', 1)
TRAINING = ('train', 'config.py')
TEST = ('test', 'config.py', 'weights.pth')


def refused_everywhere(place, message):
    """Training and testing stop at what a check lists."""
    place.command(*TRAINING).refused(message)
    place.command(*TEST).refused(message)
    place.command(*CHECK).reported(message)


def works_everywhere(place, warning=''):
    """The same take it; training and check warn of it where there is something to say."""
    place.command(*TRAINING).works(warning)
    place.command(*TEST).works()
    if warning:
        place.command(*CHECK).reported(warning)
    else:
        place.command(*CHECK).works('no faults found')


def edit_both(place, change):
    """Change the content of both JSONs alike."""
    for name in (TRAIN, VAL):
        place.edit_json(name, change)


def edit_text(place, old, new, encoding='utf-8'):
    """Replace the first such text in both JSONs, and write them in an encoding."""
    for name in (TRAIN, VAL):
        text = place.path(name).read_text()
        assert old in text
        place.path(name).write_bytes(text.replace(old, new, 1).encode(encoding))


def write_json(place, name, content):
    place.path(name).write_text(json.dumps(content))


def segment_of(content, index=0):
    """Return a segment of the first image: sky, road, car."""
    return content['annotations'][0]['segments_info'][index]
