"""Annotations that are wrong in themselves or do not fit their images."""

from kinds import kind

VAL = 'data/panoptic_val.json'


@kind('annotations', 'the area of a segment is NaN')
def area_nan(place):
    def change(content):
        content['annotations'][0]['segments_info'][0]['area'] = float('nan')

    place.edit_json(VAL, change)
    message = r'segment 300 of image 1 \(1\.png\) in .*panoptic_val\.json has "area": NaN'
    place.command('test', 'config.py', 'weights.pth').refused(message)
    place.command('check', 'config.py').reported(message)
