"""Make the exports beside this file: ``python make_samples.py``, see README.md for the packages."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
WIDTH, HEIGHT = 40, 30
STREET, FIELD = 'straße 1.png', 'field.png'


def image(seed):
    noise = np.random.default_rng(seed).integers(0, 4, (HEIGHT // 10, WIDTH // 10, 3))
    return Image.fromarray((noise * 64).astype(np.uint8).repeat(10, 0).repeat(10, 1))


def folder_with_images(kind):
    folder = HERE / kind
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    image(0).save(folder / 'images' / STREET)
    image(1).save(folder / 'images' / FIELD)
    return folder


def disc(x, y, radius):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def make_labelme():
    from labelme import utils
    from labelme._label_file import write_label_file

    folder = folder_with_images('labelme')

    def shape(label, points, kind='polygon', group_id=None, mask=None):
        encoded = None if mask is None else utils.img_arr_to_b64(mask.astype(np.uint8))
        return dict(
            label=label, points=points, group_id=group_id, description='', shape_type=kind,
            flags={}, mask=encoded,
        )

    ball = disc(30, 20, 5)[15:26, 25:36]
    shapes = [
        shape('road', [[0.0, 20.0], [40.0, 20.0], [40.0, 30.0], [0.0, 30.0]]),
        shape('car', [[2.0, 12.0], [8.0, 12.0], [8.0, 18.0], [2.0, 18.0]], group_id=1),
        shape('car', [[14.0, 18.0], [10.0, 12.0]], 'rectangle', group_id=1),
        shape('car', [[24.0, 8.0], [29.0, 8.0]], 'circle'),
        shape('ball', [[25.0, 15.0], [35.0, 25.0]], 'mask', mask=ball),
        shape('lane', [[0.0, 25.0], [20.0, 25.0]], 'linestrip'),
        shape('lane', [[3.0, 3.0]], 'point'),
    ]

    def write(name, shapes, file, data=None):
        path = folder / 'labels' / name
        path.parent.mkdir(exist_ok=True)
        write_label_file(
            str(path), shapes=shapes, image_path=f'../images/{file}', image_height=HEIGHT,
            image_width=WIDTH, image_data=data,
        )

    write('straße 1.json', shapes, STREET)
    write('field.json', [], FIELD)
    embedded = folder / 'images' / 'embedded.png'
    image(2).save(embedded)
    write('embedded.json', shapes[:1], 'embedded.png', embedded.read_bytes())
    embedded.unlink()


def make_cvat_coco():
    from datumaro import AnnotationType, Dataset, DatasetItem, LabelCategories, Mask, Polygon
    from datumaro import Image as Picture

    folder = folder_with_images('cvat')
    labels = {AnnotationType.label: LabelCategories.from_iterable(['road', 'car'])}
    annotations = [
        Polygon([0, 20, 40, 20, 40, 30, 0, 30], label=0, id=1, group=1),
        Mask(disc(24, 8, 5), label=1, id=2, group=2, attributes=dict(is_crowd=False)),
    ]
    path = str(folder / 'images' / STREET)
    item = DatasetItem(
        id=Path(STREET).stem, subset='default', media=Picture.from_file(path=path, size=(30, 40)),
        annotations=annotations,
    )
    Dataset.from_iterable([item], categories=labels).export(str(folder / 'coco'), 'coco_instances')


def make_label_studio():
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.converter.brush import mask2rle
    from label_studio_sdk.converter.exports.brush_to_coco import convert_to_coco

    folder = folder_with_images('label_studio')
    on_server = f'/data/upload/1/0a1b2c3d-{STREET.replace(" ", "_")}'
    (folder / 'images' / STREET).rename(folder / 'images' / STREET.replace(' ', '_'))

    def result(number, kind, label, **value):
        return dict(
            original_width=WIDTH, original_height=HEIGHT, image_rotation=0, id=f'r{number}',
            from_name=kind, to_name='image', type=f'{kind}labels', origin='manual',
            value={**value, f'{kind}labels': [label]},
        )

    road = [[0, 66.66666666666666], [100, 66.66666666666666], [100, 100], [0, 100]]
    ball = mask2rle(disc(30, 20, 5).astype(np.uint8) * 255)
    results = [
        result(0, 'polygon', 'road', points=road, closed=True),
        result(1, 'brush', 'ball', format='rle', rle=ball),
        result(2, 'rectangle', 'car', x=25, y=40, width=10, height=20, rotation=0),
        result(3, 'ellipse', 'car', x=60, y=30, radiusX=12.5, radiusY=10, rotation=0),
        dict(id='r4', from_name='choice', to_name='image', type='choices', value=dict(choices=['a'])),
    ]

    def task(number, url, annotations):
        return dict(
            id=number, annotations=annotations, predictions=[], data=dict(image=url), meta={},
            file_upload=url.rpartition('/')[2], project=1, total_annotations=len(annotations),
            created_at='2025-01-01T00:00:00.000000Z', updated_at='2025-01-01T00:00:00.000000Z',
        )

    def annotation(number, results, cancelled=False):
        return dict(
            id=number, completed_by=1, result=results, was_cancelled=cancelled, ground_truth=False,
            created_at='2025-01-01T00:00:00.000000Z', lead_time=1.0, task=number, project=1,
        )

    field = f'/data/local-files/?d=folder/{FIELD}'
    tasks = [
        task(1, on_server, [annotation(1, results), annotation(3, [], cancelled=True)]),
        task(2, field, [annotation(2, [])]),
        task(3, '/data/upload/1/absent.png', []),
    ]
    (folder / 'export.json').write_text(json.dumps(tasks, ensure_ascii=False), encoding='utf-8')

    kinds = ('polygon', 'brush')
    controls = ''.join(
        f'<{k.title()}Labels name="{k}" toName="image"><Label value="road"/><Label value="ball"/>'
        f'</{k.title()}Labels>' for k in kinds
    )
    view = f'<View><Image name="image" value="$image"/>{controls}</View>'
    drawn = [task(1, on_server, [annotation(1, results[:2])])]
    source = folder / 'tasks.json'
    source.write_text(json.dumps(drawn), encoding='utf-8')
    converter = Converter(view, str(folder), download_resources=False)
    convert_to_coco(converter.iter_from_json_file(str(source)), str(folder / 'brush_coco'))
    drawn[0]['annotations'][0]['result'] = results[:1]
    source.write_text(json.dumps(drawn), encoding='utf-8')
    converter.convert_to_coco(str(source), str(folder / 'coco'), is_dir=False)
    source.unlink()
    for name in ('coco', 'brush_coco'):
        shutil.rmtree(folder / name / 'images', ignore_errors=True)


def make_hf():
    import datasets

    folder = HERE / 'hf'
    shutil.rmtree(folder, ignore_errors=True)
    ids = np.where(disc(30, 20, 5), 70001, np.where(disc(10, 10, 5), 2, 0))
    ids[25:] = 1
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    empty = np.zeros_like(rgb)

    def segment(number, category, iscrowd=0):
        return dict(id=number, category_id=category, iscrowd=iscrowd, area=None, bbox=None)

    folder.mkdir()
    image(0).save(folder / STREET)
    rows = dict(
        image=[str(folder / STREET), image(1)],
        mask=[Image.fromarray(rgb), Image.fromarray(empty)],
        segments_info=[[segment(1, 0), segment(2, 1), segment(70001, 1, 1)], []],
    )
    segments = dict(
        id=datasets.Value('int64'), category_id=datasets.ClassLabel(names=['road', 'ball']),
        iscrowd=datasets.Value('int64'), area=datasets.Value('int64'),
        bbox=datasets.List(datasets.Value('int64')),
    )
    features = datasets.Features(
        image=datasets.Image(), mask=datasets.Image(), segments_info=datasets.List(segments)
    )
    made = datasets.Dataset.from_dict(rows, features=features)
    made.save_to_disk(str(folder / 'train'))
    (folder / STREET).unlink()


if __name__ == '__main__':
    make_labelme()
    make_cvat_coco()
    make_label_studio()
    make_hf()
