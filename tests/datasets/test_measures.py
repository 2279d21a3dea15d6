"""Areas and boxes of the JSON are compared with the PNG, unless the data set says not to."""

import pytest

AREA = (
    r'segment 300 of image 1 in .*panoptic\.json has area 167, but 168 pixels in '
    r'.*panoptic/1\.png; panoptic quality is computed from the former: correct the JSON, or set '
    'check_measures=False of the data set$'
)
BBOX = (
    r'segment 300 of image 1 in .*panoptic\.json has bbox \[{}\], but is at \[7, 0, 7, 24\] in '
    r'.*panoptic/1\.png: correct the JSON, or set check_measures=False of the data set$'
)
SOUND = [dict(area=168, bbox=[7, 0, 7, 24]), dict(area=168.0), dict(bbox=[6, 1, 8.0, 23])]
FAULTY = [
    (dict(area=167), AREA),
    (dict(area=168, bbox=[7, 0, 9, 24]), BBOX.format('7, 0, 9, 24')),
    (dict(bbox=[7, 0, 7]), BBOX.format('7, 0, 7')),
]


@pytest.fixture
def build_with(edit_json, build_dataset):
    """Return a function that builds the data set with measures of one of its segments."""

    def build(measures, **kwargs):
        edit_json(lambda c: c['annotations'][0]['segments_info'][1].update(measures))
        return build_dataset(**kwargs)

    return build


@pytest.mark.parametrize('measures', SOUND, ids=str)
def test_right_or_missing_measures_pass(measures, build_with):
    assert build_with(measures)[0]['data_samples'].gt_segments.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize('test_mode', [False, True])
@pytest.mark.parametrize(('measures', 'message'), FAULTY)
def test_wrong_measures_are_refused(measures, message, test_mode, build_with):
    dataset = build_with(measures, test_mode=test_mode)
    with pytest.raises(ValueError, match=message):
        dataset[0]


@pytest.mark.parametrize(('measures', 'message'), FAULTY)
def test_wrong_measures_pass_where_they_are_not_checked(measures, message, build_with):
    dataset = build_with(measures, check_measures=False)
    assert dataset[0]['data_samples'].gt_segments.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize('name', ['Coco', 'Cityscapes', 'ADE20K'])
def test_published_data_sets_check_only_when_told(name, build_dataset):
    # Not loaded: its classes are others.
    settings = dict(type=f'KMaX{name}PanopticDataset', lazy_init=True)
    assert build_dataset(**settings).check_measures is False
    assert build_dataset(**settings, check_measures=True).check_measures is True


def test_measures_take_few_bytes_in_the_memory_that_workers_share(build_with):
    measures = dict(area=168, bbox=[7, 0, 7, 24])
    built = [build_with(measures, check_measures=check) for check in (False, True)]
    without, size = (dataset.data_bytes.nbytes for dataset in built)
    assert 0 < size - without < 100  # five segments of the first image, and names
