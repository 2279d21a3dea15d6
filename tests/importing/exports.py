"""Panoptic data sets as other formats, and data sets compared up to their ids."""

import json

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from projects.kmax.panoptic_format import read_panoptic_png


class PanopticSet:
    """The images, annotations and categories of a panoptic JSON."""

    def __init__(self, json_file, png_dir, image_dir):
        content = json.loads(json_file.read_text())
        self.image_dir = image_dir
        self.categories = {category['id']: category for category in content['categories']}
        self.images = {image['id']: image for image in content['images']}
        self.annotations = content['annotations']
        self.png_dir = png_dir

    def ids(self, annotation):
        return read_panoptic_png(self.png_dir / annotation['file_name'], 'image')

    def describe(self):
        """Return of each image the class, crowd flag and pixels of its segments, by their names.

        All segments of one stuff class count as one.
        """
        found = {}
        for annotation in self.annotations:
            ids, masks = self.ids(annotation), {}
            for segment in annotation['segments_info']:
                category = self.categories[segment['category_id']]
                shared = 0 if not category['isthing'] else segment['id']
                key = (category['name'], segment.get('iscrowd', 0), shared)
                masks[key] = masks.get(key, False) | (ids == segment['id'])
            image = self.images[annotation['image_id']]
            found[image['file_name']] = {(k[0], k[1], m.tobytes()) for k, m in masks.items()}
        return found


def result(out, split):
    return PanopticSet(out / f'panoptic_{split}.json', out / f'panoptic_{split}', out / split)


def write_map(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), values)


def export_instances(source, out):
    """Write things as COCO's instances and classes as maps of 8 bits, in which void is 255."""
    annotations = []
    for annotation in source.annotations:
        ids = source.ids(annotation)
        classes = np.full(ids.shape, 255, np.uint8)
        for segment in annotation['segments_info']:
            mask = ids == segment['id']
            classes[mask] = segment['category_id']
            if source.categories[segment['category_id']]['isthing']:
                rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=annotation['image_id'],
                        category_id=segment['category_id'],
                        iscrowd=segment['iscrowd'],
                        segmentation=dict(size=list(mask.shape), counts=rle['counts'].decode()),
                    )
                )
        write_map(out / 'semantic' / annotation['file_name'], classes)
    things = [category for category in source.categories.values() if category['isthing']]
    content = dict(images=list(source.images.values()), annotations=annotations, categories=things)
    (out / 'instances.json').write_text(json.dumps(content))
    return [out / 'instances.json', out / 'semantic']


def _class_and_instance(source, annotation):
    """Return two maps; crowd has the instance 0, and void the class 255."""
    ids = source.ids(annotation)
    classes, instances = np.full(ids.shape, 255, np.uint16), np.zeros(ids.shape, np.uint16)
    for number, segment in enumerate(annotation['segments_info'], start=1):
        mask = ids == segment['id']
        classes[mask] = segment['category_id']
        is_object = source.categories[segment['category_id']]['isthing'] and not segment['iscrowd']
        instances[mask] = number if is_object else 0
    return classes, instances


def export_masks(source, out):
    for annotation in source.annotations:
        classes, instances = _class_and_instance(source, annotation)
        write_map(out / 'classes' / annotation['file_name'], classes.astype(np.uint8))
        write_map(out / 'instances' / annotation['file_name'], instances)
    return [out / 'classes', out / 'instances']


def export_divided(source, out):
    for annotation in source.annotations:
        classes, instances = _class_and_instance(source, annotation)
        write_map(out / 'maps' / annotation['file_name'], classes * 256 + instances)
    return [out / 'maps', '--divisor', 256]


def export_coconut(source, out):
    """Write what COCONut's own download script writes of its rows, and null areas."""
    annotations = []
    for annotation in source.annotations:
        ids, small = source.ids(annotation), {}
        rows = []
        for number, segment in enumerate(annotation['segments_info'], start=1):
            small[segment['id']] = number
            is_thing = source.categories[segment['category_id']]['isthing']
            row = dict(id=number, category_id=segment['category_id'], isthing=is_thing, area=None)
            rows.append(row | dict(iscrowd=segment['iscrowd']))
        values = np.vectorize(lambda value, small=small: small.get(value, 0))(ids)
        pixels = np.stack([np.zeros_like(values), np.zeros_like(values), values], -1)
        write_map(out / 'masks' / annotation['file_name'], pixels.astype(np.uint8))
        annotations.append(annotation | dict(segments_info=rows))
    content = dict(images=list(source.images.values()), annotations=annotations)
    content['categories'] = list(source.categories.values())
    (out / 'coconut.json').write_text(json.dumps(content))
    return [out / 'coconut.json', out / 'masks']


def write_yaml(source, path):
    """Write the classes; JSON is YAML."""
    rows = [
        dict(name=c['name'], isthing=bool(c['isthing']), id=c['id'], color=c.get('color'))
        for c in source.categories.values()
    ]
    path.write_text(json.dumps(dict(classes=rows, ignore=[255])))
    return path


EXPORTS = {
    'instances': ('instances', export_instances),
    'masks': ('masks', export_masks),
    'divisor': ('masks', export_divided),
    'coconut': ('coconut', export_coconut),
}
"""Of each form the kind and the function that writes it and returns the sources."""
