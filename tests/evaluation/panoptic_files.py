"""Panoptic annotations in files, and what metrics want to know of them."""

import contextlib
import io
import json

from pycocotools.cocoeval import COCOeval

from projects.kmax.panoptic_format import write_panoptic_png


def things_first(categories):
    """Return the names of the classes, and labels by the ids of categories."""
    ordered = sorted(categories, key=lambda category: not category['isthing'])
    return [c['name'] for c in ordered], {c['id']: label for label, c in enumerate(ordered)}


def truth_in(folder, name='gt'):
    """Return a metric's arguments for the annotations in a folder."""
    return dict(ann_file=f'{folder}/{name}.json', seg_prefix=f'{folder}/{name}')


def write_truth(folder, categories, annotations, maps):
    """Write annotations and the map of ids of each, and return a metric's arguments for them."""
    for annotation, ids in zip(annotations, maps, strict=True):
        write_panoptic_png(folder / 'gt' / annotation['file_name'], ids)
    content = dict(categories=categories, annotations=annotations)
    (folder / 'gt.json').write_text(json.dumps(content))
    return truth_in(folder)


def edit(path, change):
    """Change the content of a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def pycocotools(truth, results):
    """Return the figures of COCO's own evaluation of masks."""
    with contextlib.redirect_stdout(io.StringIO()):
        tested = COCOeval(truth, results, 'segm')
        tested.evaluate()
        tested.accumulate()
        tested.summarize()
    return tested.stats
