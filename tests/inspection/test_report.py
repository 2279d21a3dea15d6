"""What the command prints, writes and ends with."""

import re

import pytest


def test_no_fault_in_sound_data(check):
    code, printed, html = check(draw=True)
    assert code == 0
    assert 'no faults found' in printed
    assert 'No faults found.' in html
    assert html.count('data:image/jpeg;base64,') == 9  # 8 of 23 and 1 of 1
    assert html.count('data:image/png;base64,') == 2
    assert not re.search(r'(src|href)="(?!data:)', html)


def test_images_with_a_fault_are_no_hindrance_to_workers(plant, find_faults):
    plant.truncate(plant.image(3))
    printed, _ = find_faults('--workers', 2, '--num-pictures', 0)
    assert '\n1 fault of 1 kind\n' in printed


def test_class_without_segments_is_named(plant, find_faults):
    moon = {'id': 3, 'name': 'moon', 'isthing': 0}
    for split in ('train', 'val'):
        plant.rewrite(lambda content: content['categories'].append(moon), split)
    printed, html = find_faults(stuff=2, draw=True)
    assert 'class="n zero"' in html
    assert re.search(r'no segment in .*panoptic_train\.json is of class "moon"', printed)
    assert '\n1 warning of 1 kind\n' in printed


def test_measures_that_are_not_compared_are_warnings(plant, find_faults):
    plant.segment(3, area=199, bbox=[0, 0, 15, 20])
    assert re.search(r'\n2 faults of 2 kinds\n', find_faults()[0])
    printed, _ = find_faults(more="train_dataloader['dataset'].update(check_measures=False)")
    warnings = printed.partition('\nWARNINGS: training goes on\n')[2]
    assert re.search(r'wrong area: 1\n.* has area 199, .* from the former\n', warnings)
    assert re.search(r'wrong bbox: 1\n.* but is at \[0, 0, 10, 20\] in .*/03\.png\n', warnings)
    assert '\n2 warnings of 2 kinds\n' in printed


@pytest.mark.parametrize('split', ['train', 'val'])
def test_segments_need_neither_area_nor_box(plant, find_faults, split):
    def remove(content):
        for annotation in content['annotations']:
            for segment in annotation['segments_info']:
                segment.pop('area', None), segment.pop('bbox', None)

    plant.rewrite(remove, split)
    plant.rewrite(lambda c: c['annotations'][0]['segments_info'][0].update(area=1), split)
    assert '\n1 fault of 1 kind\n' in find_faults()[0]


def test_paths_of_the_evaluator_are_looked_at(folder, find_faults):
    (folder / 'panoptic_val' / '01.png').unlink()
    printed, _ = find_faults()
    assert 'holds no PNG of' in printed.partition('config and data differ: 1')[2]


def test_contradicting_categories_are_reported_and_images_still_read(plant, build, find_faults):
    plant.rewrite(lambda content: content['categories'][0].update(name='sky'))
    plant.image(4).unlink()
    printed, _ = find_faults(draw=True)
    assert "has several categories with the name 'sky'" in printed
    assert 'train/04.jpg' in printed.partition('missing image: 1')[2]
    with pytest.raises(ValueError, match="several categories with the name 'sky'"):
        build()


@pytest.mark.parametrize(
    ('text', 'message'),
    [('{"images": [', 'is not valid JSON'), ('{"images": []}', 'lacks the fields')],
)
def test_unreadable_json_is_reported(text, message, folder, find_faults):
    (folder / 'panoptic_train.json').write_text(text)
    printed, _ = find_faults()
    assert re.search('unreadable panoptic JSON: 1.*\n.*train.json.*' + message, printed)


def test_names_are_escaped(plant, check):
    name = 'a<b>&.jpg'
    plant.image(1).rename(plant.image(1).with_name(name))
    plant.rewrite(lambda content: content['images'][0].update(file_name=name))
    assert 'a&lt;b&gt;&amp;.jpg' in check(draw=True)[2]


def test_config_without_panoptic_data_is_refused(folder, check):
    code, _, html = check(
        '--cfg-options', 'train_dataloader.dataset.type=CocoDataset', 'val_dataloader=None'
    )
    assert code == (
        'check_dataset.py: error: the config has no data set in COCO panoptic format to look at'
    )
    assert not html


def test_parts_of_wrapped_data_sets_are_all_read(folder, check):
    inner = dict(type='KMaXPanopticDataset', data_root=str(folder), ann_file='panoptic_train.json')
    inner['data_prefix'] = dict(img='train/', seg='panoptic_train/')
    other = {**inner, 'ann_file': 'panoptic_val.json'}
    other['data_prefix'] = dict(img='val/', seg='panoptic_val/')
    wrapped = dict(type='RepeatDataset', times=2, dataset=other)
    both = dict(type='ConcatDataset', datasets=[inner, wrapped])
    code, printed, _ = check(
        more=f'train_dataloader = dict(dataset=dict(_delete_=True, **{both!r}))'
    )
    assert code == 1
    assert '\n1 warning of 1 kind\n' in printed  # What validates is trained on.
    assert re.search(r'\ntrain 1\n', printed)
    assert re.search(r'\ntrain 2\n.*panoptic_val\.json', printed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'things', 'stuff', 'queries', 'images', 'segments'),
    [('camvid_panoptic', 3, 8, 32, 367, 5010), ('nuclei_panoptic', 2, 2, 100, 410, 11626)],
)
def test_real_data_is_sound(name, things, stuff, queries, images, segments, real_data, check):
    root = real_data(name)
    loader = f"dict(dataset=dict(data_root='{root}/'))"
    evaluator = f"ann_file='{root}/panoptic_val.json', seg_prefix='{root}/panoptic_val'"
    code, printed, _ = check(
        more=f"""
train_dataloader = {loader}
val_dataloader = {loader}
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='KMaXPanopticMetric', {evaluator})
test_evaluator = val_evaluator
model['panoptic_head'].update(
    num_things_classes={things},
    num_stuff_classes={stuff},
    transformer_decoder=dict(num_queries={queries}),
)
"""
    )
    assert code == 0
    train = printed.partition('\ntrain\n')[2].partition('\nval\n')[0].split('\n')
    assert [f'{images}', f'{segments}'] == [train[1].split()[1], train[4].split()[1]]


def test_training_on_the_file_of_validation_is_told(folder, check):
    concat = """
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[
    dict(type='KMaXPanopticDataset', ann_file=f'{folder}/panoptic_{split}.json',
         data_prefix=dict(img=f'{folder}/{split}/', seg=f'{folder}/panoptic_{split}/'))
    for split in ('train', 'val')]))
"""
    code, printed, _ = check(more=concat.replace('{folder}', str(folder)))
    assert code == 1
    assert re.search(
        'image in training and validation: 1\n  .*val.json is among the files of training, ',
        printed,
    )


def test_classes_of_records_that_cannot_be_read_are_not_missed(plant, check):
    """Faults are told, and not that a class is never annotated."""
    for number in range(1, 24):
        plant.segment(number, iscrowd=7)
    _, printed, _ = check()
    assert '"iscrowd": 7, which must be 0 or 1' in printed
    assert 'never annotated' not in printed
