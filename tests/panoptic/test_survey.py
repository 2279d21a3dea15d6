"""What is counted and told of records."""

from projects.kmax.panoptic.faults import FaultKind
from projects.kmax.panoptic.survey import find_common_warnings, survey_records

CLASSES = ('cat', 'dog', 'sky')


def record(number, labels, **more):
    return dict(
        img_id=number,
        img_path=f'{number}.jpg',
        seg_map_path=f'{number}.png',
        ann_file='a.json',
        segment_ids=list(range(1, len(labels) + 1)),
        segment_labels=labels,
        **more,
    )


def test_classes_are_counted():
    records = [
        record(1, [0, 0, 2], segment_pixels=[10, 5, 7]),
        record(2, [2], segment_pixels=[2**40]),
        record(3, [0]),  # its PNG was not read
        record(4, []),
        dict(img_id=5, img_path='5.jpg'),  # not annotated
    ]
    survey = survey_records('a.json', CLASSES, records)
    assert survey.counts.tolist() == [[2, 3, 15], [0, 0, 0], [2, 2, 2**40 + 7]]
    assert survey.images == [(number, f'{number}.jpg') for number in range(1, 6)]
    assert [(fault.kind, fault.image_id) for fault in survey.warnings] == [(FaultKind.VOID_ONLY, 4)]
    (fault,) = find_common_warnings([survey], [])
    assert fault.message == 'no segment in a.json is of class "dog"'


def test_void_is_what_the_pixels_say_where_they_are_known():
    records = [record(1, [], is_void=False), record(2, [0], is_void=True)]
    (fault,) = survey_records('a.json', CLASSES, records).warnings
    assert (fault.kind, fault.image_id) == (FaultKind.VOID_ONLY, 2)


def test_data_sets_of_the_same_classes_are_counted_together():
    first, second = (
        survey_records(name, CLASSES, [record(1, labels)])
        for name, labels in (('a.json', [0, 2]), ('b.json', [1]))
    )
    other = survey_records('c.json', ('dog', 'owl'), [record(1, [0])])
    (fault,) = find_common_warnings([first, second, other], [])
    assert fault.message == 'no segment in c.json is of class "owl"'


def test_labels_without_classes_and_no_records_are_no_hindrance():
    assert survey_records('a.json', (), [record(1, [0, 1])]).counts.shape == (0, 3)
    assert survey_records('a.json', CLASSES, []).counts.sum() == 0


def test_images_are_compared_with_the_queries_of_the_model():
    records = [record(1, [0, 0]), record(2, [0, 0, 1])]
    assert survey_records('a.json', CLASSES, records).warnings == []
    (fault,) = survey_records('a.json', CLASSES, records, num_queries=2).warnings
    assert fault.message == (
        'image 2 (2.jpg) has 3 segments, but the model has only num_queries=2: 1 cannot be learned'
    )


def test_what_could_not_be_read_may_hold_the_class():
    whole = survey_records('a.json', CLASSES, [record(1, [0, 2])])
    part = survey_records('b.json', (), [], is_whole=False)
    assert len(list(find_common_warnings([whole], []))) == 1
    assert list(find_common_warnings([whole, part], [])) == []
