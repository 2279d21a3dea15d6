"""What evaluators write, and where to."""

import os

from annotation_kinds import drop, set_annotation
from kinds import kind, kinds
from panoptic_data import TEST, VAL

AREA = 'metrics'
FORMAT = (*TEST, '--format-only', '--outfile-prefix', 'out/result')
RESULT = r'out/result\.panoptic'


def write_elsewhere(place, name, message):
    """A name in the JSON may not lead out of the result."""
    place.edit_json(VAL, set_annotation(file_name=name))
    place.command(*FORMAT).refused(message)


kinds(
    AREA,
    [
        ('results by an absolute name', '/tmp/1.png', 'which is absolute: it must be relative'),
        ('results by a name with ..', '../panoptic_val/1.png', r'leads out of the folder by \.\.'),
        ('results by a drive', 'C:/1.png', 'which is absolute'),
        ('results by a name of 300 letters', 'a' * 300, r'which is longer than \d+ bytes'),
        ('results by the name of a folder', 'a/', 'which names no file'),
        ('two results of one name', '2.png', 'image 1 .*and image 2 .*written to one file'),
        ('a result as the folder of another', '2.png/1.png', 'which is a folder of'),
    ],
    write_elsewhere,
)


@kind(AREA, 'results over the annotations')
def over_annotations(place):
    place.path('data/panoptic_val').rename(place.path('data/mine.panoptic'))
    options = '--cfg-options', 'test_evaluator.seg_prefix=data/mine.panoptic/'
    place.command(*TEST, '--format-only', '--outfile-prefix', 'data/mine', *options).refused(
        r'over the annotations data/mine\.panoptic|is no prediction'
    )


@kind(AREA, 'results in the place of a folder of others')
def over_folder(place):
    place.path('out/result.panoptic').mkdir(parents=True)
    place.path('out/result.panoptic/thesis.tex').write_text('chapter 1')
    place.command(*FORMAT).refused(rf'{RESULT}/thesis\.tex is no prediction')


@kind(AREA, 'results in the place of a link')
def over_link(place):
    place.path('out').mkdir()
    place.path('out/result.panoptic').symlink_to(place.path('data/panoptic_val'))
    place.command(*FORMAT).refused(f'{RESULT} (is a link to a folder|over the annotations)')


@kind(AREA, 'results below a file')
def below_file(place):
    place.command(*TEST, '--format-only', '--outfile-prefix', 'weights.pth/a').refused(
        r'weights\.pth.*(Not a directory|File exists)'
    )


@kind(AREA, 'images of one name in two folders')
def same_names(place):
    def change(content):
        for image, city in zip(content['images'], ('bonn', 'ulm'), strict=True):
            image['file_name'] = f'{city}/1.png'
        del content['annotations']

    for number, city in enumerate(('bonn', 'ulm'), start=1):
        place.path(f'data/val/{city}').mkdir()
        place.path(f'data/val/{number}.png').rename(place.path(f'data/val/{city}/1.png'))
    place.edit_json(VAL, change)
    ended = place.command(*FORMAT).works()
    written = [name for name in ended.new_files if name.endswith('.png')]
    assert written == [f'out/result.panoptic/{city}/1.png' for city in ('bonn', 'ulm')], written


@kind(AREA, 'an evaluator that cannot write')
def cannot_write(place):
    truth = "ann_file='data/panoptic_val.json', seg_prefix='data/panoptic_val'"
    place.edit_config(f"test_evaluator = dict(_delete_=True, type='KMaXSemanticMetric', {truth})")
    place.command(*FORMAT).refused('of test_evaluator .*none can write predictions')


@kind(AREA, 'evaluators that write the same files')
def same_files(place):
    place.edit_config('test_evaluator = [dict(test_evaluator, type="KMaXPanopticMetric")] * 2')
    place.command(*FORMAT).refused('both write to out/result.panoptic')
    place.edit_config('test_evaluator = [dict(val_evaluator)]')
    place.command(*FORMAT).refused('an evaluator has no "type"')


@kind(AREA, 'an evaluator that is not known')
def unknown_metric(place):
    place.edit_config("test_evaluator = dict(type='PanopticMetrik', ann_file='x')")
    for command in (TEST, FORMAT):
        place.command(*command).refused("'PanopticMetrik', but no class of that name is registered")


@kind(AREA, 'all tasks without panoptic annotations')
def no_panoptic(place):
    place.edit_config("test_evaluator = dict(_delete_=True, type='SemSegMetric')")
    place.command(*TEST, '--all-tasks').refused('--all-tasks needs a panoptic metric')


@kind(AREA, 'all tasks of damaged annotations')
def all_tasks(place):
    os.truncate(place.path('data/panoptic_val/2.png'), 80)
    place.path('config.py').write_text(
        place.path('config.py').read_text().replace(
            "    dict(type='LoadPanopticIds'),\n    dict(type='PackKMaXInputs'),\n]\nmodel",
            "    dict(type='PackKMaXInputs'),\n]\nmodel",
        )
    )  # fmt: skip
    message = r'panoptic PNG data/panoptic_val/2\.png of image 2 is truncated'
    place.command(*TEST, '--all-tasks').refused(message, leaves='work_dirs')


def out_option(place, name, message):
    place.command(*TEST, '--out', name).refused(message)


kinds(
    AREA,
    [
        ('predictions as a JSON', 'out.json', '--out must end in .pkl'),
        (
            'predictions below a file',
            'config.py/out.pkl',
            r'as .*config\.py is no folder',
        ),
    ],
    out_option,
)


@kind(AREA, 'predictions as a folder')
def out_folder(place):
    place.path('out.pkl').mkdir()
    place.command(*TEST, '--out', 'out.pkl').refused(r'out\.pkl is a folder')


@kind(AREA, "mmdet's own metric with our data")
def coco_metric(place):
    place.edit_config(
        "test_evaluator = dict(type='CocoPanopticMetric', ann_file='data/panoptic_val.json',\n"
        "                      seg_prefix='data/panoptic_val/')"
    )
    place.command(*TEST).works('PQ')
    place.command(*FORMAT).works()
    segment = r'no annotation|has no|panoptic_val\.json'
    place.edit_json(VAL, drop('annotations', 1))
    place.command(*TEST).refused(segment, leaves='work_dirs')
