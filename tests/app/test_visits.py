"""What a visitor has: results by any thresholds, of a network that ran once."""

import numpy as np
import pytest
from made_images import encode, noise

from projects.kmax.app import overlays
from projects.kmax.app.uploads import Limits, read_upload
from projects.kmax.app.visits import Visit, Visits, begin_visit


@pytest.fixture
def visit(inferencer, calls, png):
    return begin_visit(read_upload(png, Limits()), {'nano': inferencer})


def test_other_thresholds_do_not_run_the_network(visit, calls):
    assert calls == [1]
    (few,), (many,) = visit.results(dict(class_threshold_thing=1.0)), visit.results({})
    assert len(few.segments_info) < len(many.segments_info)
    assert many.clusters[0].assignment.shape == visit.image.shape[:2]
    assert calls == [1]


def test_files_have_the_size_of_the_image(visit, calls):
    assert visit.results({})[0].id_map.shape == visit.image.shape[:2] == (360, 540)
    full = visit.full_results({})[0]
    assert full.id_map.shape == full.image.shape[:2] == (60, 90)
    assert calls == [1]


def test_logits_of_layers_are_not_kept(visit):
    assert visit.looks[0].observed.observation.layers == []
    assert len(visit.looks[0].clusters) == 3


@pytest.mark.parametrize('size', [(1, 1), (1, 70), (70, 1)])
def test_an_image_of_one_pixel_has_clusters(inferencer, size):
    upload = read_upload(encode(noise(*size)), Limits())
    (look,) = begin_visit(upload, {'nano': inferencer}).looks
    assert {layer.assignment.shape for layer in look.clusters} == {look.observed.image.shape[:2]}
    assert all(layer.stride >= 1 for layer in look.clusters)


def test_a_threshold_out_of_range_is_refused(visit):
    with pytest.raises(ValueError, match='overlap_threshold'):
        visit.results(dict(overlap_threshold=2.0))


def test_a_class_stays_off_while_it_has_no_switch(visit):
    full = visit.results({})
    assert visit.offer(full) == visit.offered != []
    visit.switch(visit.offered[1:])
    off = visit.offered[0]
    visit.offer(visit.results(dict(class_threshold_stuff=1.0, class_threshold_thing=1.0)))
    visit.switch([])
    assert off in visit.hidden
    assert off not in visit.offer(full)


def test_hidden_classes_are_left_out(visit):
    result = visit.results({})[0]
    off = result.segments_info[0]['label']
    kept = overlays.without(result, {off})
    assert off not in {entry['label'] for entry in kept.segments_info}
    areas = np.bincount(kept.id_map.ravel())[1:].tolist()
    assert areas == [entry['area'] for entry in kept.segments_info]


def test_overlays_cover_the_image(visit):
    result = visit.results({})[0]
    pixels = result.id_map.size
    views = overlays.draw_views(result)
    for overlay in [*views.values(), *overlays.draw_clusters(visit.looks[0])]:
        assert sum(overlay['runs'][1::2]) == pixels
        assert set(map(str, overlay['runs'][::2])) - {'0'} <= set(overlay['entries'])
    entry = views['panoptic']['entries']['1']
    assert entry['label'] == result.segments_info[0]['label'] and 'score' in entry['text']


def test_the_oldest_is_forgotten():
    visits = Visits(most=2)
    images = [Visit(b'', np.zeros((1, 1, 3), np.uint8), []) for _ in range(4)]
    first, second = visits.add(images[0]), visits.add(images[1])
    assert visits.get(first) is images[0]
    third = visits.add(images[2])
    with pytest.raises(ValueError, match='it was forgotten: choose one'):
        visits.get(second)
    visits.add(images[3], former=third)
    assert len(visits) == 2 and visits.get(first) is images[0]
    visits.forget(first)
    visits.forget(None)
    assert len(visits) == 1
