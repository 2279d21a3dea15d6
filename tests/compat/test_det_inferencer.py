import warnings
from types import SimpleNamespace

import pytest
from mmdet.evaluation import get_classes
from mmengine.config import Config

from kmax_deeplab.configs import find_config
from projects.kmax.compat import det_inferencer

COCO = get_classes('coco')


@pytest.fixture
def correct(monkeypatch):
    """Return a function that corrects COCO's classes of a model, given its data set's metainfo."""

    def run(metainfo, **heads):
        monkeypatch.setattr(det_inferencer, 'read_metainfo', lambda cfg: metainfo)
        model = SimpleNamespace(dataset_meta=dict(classes=COCO, palette='random'), **heads)
        cfg = Config(dict(test_dataloader=dict(dataset=dict(ann_file='absent.json'))))
        det_inferencer.correct_classes(model, cfg)
        return model.dataset_meta

    return run


@pytest.mark.parametrize('metainfo', [{}, dict(classes=('a', 'b'), palette=[(0, 0, 0)] * 2)])
def test_unknown_classes_are_numbered(correct, metainfo):
    with pytest.warns(UserWarning, match='absent.json names the 3 classes'):
        meta = correct(metainfo, panoptic_head=SimpleNamespace(num_classes=3))
    assert meta['classes'] == ('class 0', 'class 1', 'class 2')
    assert len(meta['palette']) == 3 and len(set(meta['palette'])) == 3


def test_classes_of_the_data_set_are_taken(correct):
    metainfo = dict(classes=('a', 'b'))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        meta = correct(metainfo, panoptic_head=SimpleNamespace(num_classes=2))
    assert meta['classes'] == ('a', 'b')


@pytest.mark.parametrize('heads', [{}, dict(panoptic_head=None), dict(panoptic_head=object())])
def test_models_without_a_number_of_classes_keep_theirs(correct, heads):
    assert correct({}, **heads)['classes'] == COCO


@pytest.mark.parametrize('failure', [AttributeError, TypeError])
def test_inferencer_that_cannot_be_tried_is_left_alone(failure):
    class Inferencer:
        def visualize(self, *args, **kwargs):
            raise failure

    assert det_inferencer.draws_bgr(Inferencer) is False


@pytest.mark.parametrize('step', [1, -1])
def test_colour_order_is_told(step):
    class Inferencer:
        def visualize(self, inputs, preds, **kwargs):
            self.visualizer.add_datasample('', inputs[0][..., ::step])

    assert det_inferencer.draws_bgr(Inferencer) is (step == 1)


@pytest.fixture
def by_name():
    """An inferencer that takes our names, and notes what it is given."""

    class Inferencer:
        def __init__(self, model=None, weights=None):
            self.given = model, weights

    det_inferencer.take_our_names(Inferencer)
    return Inferencer


def test_weights_that_are_given_are_not_downloaded(by_name):
    assert by_name('kmax_r50_coco', 'own.pth').given == (find_config('kmax_r50_coco'), 'own.pth')


def test_a_name_of_ours_that_is_wrong_gets_near_matches(by_name):
    with pytest.raises(ValueError, match='called kmax_r50_coc; did you mean kmax_r50_coco or '):
        by_name(model='kmax_r50_coc')


def test_other_names_and_files_are_left_alone(by_name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'kmax_r50_coco').touch()
    for model in ('mask2former_r50', 'kmax_r50_coco', None, Config()):
        assert by_name(model).given == (model, None)
