"""Bad data end ``tools/train.py`` at once: exit code, last line, and what is on disk after."""

import json

import cv2
import numpy as np
import pytest
from forked import HERE, Training
from PIL import Image

# Nothing gets as far as the model.
CONFIG = """
_base_ = '{here}/toy_training_config.py'
loader = dict(
    batch_size=1,
    num_workers=1,
    dataset=dict(
        type='KMaXPanopticDataset',
        data_root='{folder}/',
        ann_file='panoptic.json',
        data_prefix=dict(img='images', seg='panoptic'),
        indices=[0],
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPanopticIds'),
            dict(type='PackKMaXInputs'),
        ],
    ),
)
train_dataloader = dict(_delete_=True, sampler=dict(type='InfiniteSampler'), **loader)
val_dataloader = dict(sampler=dict(type='DefaultSampler'), **loader)
val_cfg = dict(_delete_=True, type='ValLoop')
val_evaluator = dict(
    type='KMaXPanopticMetric', ann_file='{folder}/{val}', seg_prefix='{folder}/{seg}'
)
"""


@pytest.fixture
def train(panoptic_folder, edit_json, tmp_path_factory):
    """Return a function that trains on the folder and returns exit code and last line.

    Nothing but logs is in the work folder after, and nothing has changed in the data's.
    """

    def give_areas(content):
        # Training does without, the evaluator does not.
        for given in content['annotations'][0]['segments_info']:
            given['area'] = 7 * 24

    def listing(folder):
        return {path: path.stat().st_size for path in folder.rglob('*') if path.is_file()}

    def run(val='panoptic.json', seg='panoptic'):
        folder = tmp_path_factory.mktemp('training')
        config = folder / 'config.py'
        config.write_text(CONFIG.format(here=HERE, folder=panoptic_folder, val=val, seg=seg))
        before = listing(panoptic_folder)
        training = Training(folder / 'work', config=config)
        code = training.wait()
        assert listing(panoptic_folder) == before
        kinds = {path.suffix for path in listing(folder / 'work')}
        assert kinds <= {'.log', '.py', '.json'}, kinds
        return code, training.output.strip().splitlines()[-1]

    edit_json(give_areas)
    return run


def save_sixteen_bits(folder):
    path = str(folder / 'panoptic' / '1.png')
    cv2.imwrite(path, cv2.imread(path).astype(np.uint16))


def turn_image(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.zeros((24, 40, 3), np.uint8))
    image.save(folder / 'images' / '1.png', format='JPEG', exif=exif)


def remove_image(folder):
    (folder / 'images' / '1.png').unlink()


FILES = {
    save_sixteen_bits: 'ValueError: panoptic PNG {}/panoptic/1.png of image 1 in {}/panoptic.json '
    'must have three channels of 8 bits, but has 3 of type uint16',
    turn_image: 'ValueError: panoptic PNG {}/panoptic/1.png is 40x24 pixels, but image 1 '
    '({}/images/1.png) is 24x40 pixels; the image may have an EXIF orientation',
    remove_image: 'FileNotFoundError: image 1 ({}/images/1.png) of {}/panoptic.json: ',
}


@pytest.mark.parametrize('damage', FILES, ids=lambda damage: damage.__name__)
def test_bad_file(damage, train, panoptic_folder):
    damage(panoptic_folder)
    code, last = train()
    assert code == 1
    assert last.startswith(FILES[damage].format(panoptic_folder, panoptic_folder))


def segment(content):
    return content['annotations'][0]['segments_info'][0]


ANNOTATIONS = {
    'shared id': (
        lambda c: segment(c).update(id=300),
        'segment 300 of image 1 (1.png) in {} shares its id with another',
    ),
    'shared category': (
        lambda c: c['categories'][0].update(id=20),
        '{} has several categories with the id 20',
    ),
    'missing category': (
        lambda c: c['categories'].pop(1),
        'segment 70000 of image 1 (1.png) in {} has the unknown category 20',
    ),
    'no categories': (
        lambda c: c.pop('categories'),
        "panoptic JSON {} lacks the fields ['categories']",
    ),
    'id too large': (
        lambda c: segment(c).update(id=2**24),
        'segment 16777216 of image 1 (1.png) in {} must have an id between 1 and 16777215',
    ),
    'no annotations': (
        lambda c: c['annotations'].clear(),
        'image 1 (1.png) of {} has no annotation',
    ),
    'instances': (
        lambda c: c.update(annotations=[{'id': 1, 'image_id': 1, 'segmentation': []}]),
        '{} is no panoptic JSON: its annotations have "segmentation" instead of "segments_info"',
    ),
}


@pytest.mark.parametrize('name', ANNOTATIONS)
def test_bad_annotations(name, train, edit_json, panoptic_folder):
    change, message = ANNOTATIONS[name]
    edit_json(change)
    code, last = train()
    assert code == 1
    assert last.startswith('ValueError: ' + message.format(panoptic_folder / 'panoptic.json'))


def test_bad_annotations_of_the_evaluator(train, panoptic_folder):
    (panoptic_folder / 'broken.json').write_text('{"images": [')
    content = json.loads((panoptic_folder / 'panoptic.json').read_text())
    content['annotations'] = [{'id': 1, 'image_id': 1, 'segmentation': []}]
    (panoptic_folder / 'instances.json').write_text(json.dumps(content))
    for options, message in (
        (dict(val='broken.json'), 'broken.json is not valid JSON'),
        (dict(val='instances.json'), 'instances.json is no panoptic JSON'),
        (dict(val='absent.json'), 'absent.json does not exist'),
        (dict(seg='absent'), '/absent is not a folder'),
    ):
        code, last = train(**options)
        assert code == 1
        assert message in last
