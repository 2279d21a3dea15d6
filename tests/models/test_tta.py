"""Several views of an image, one result."""

import pytest
import torch
from helpers import build_model
from mmdet.structures import DetDataSample

from projects.kmax.models.postprocess import PostprocessConfig
from projects.kmax.models.tta import View, merge_views
from projects.kmax.models.view_geometry import ViewGeometry

RULES = ('deeplab2', 'port', 'pixelwise')


def sample(padded=(65, 97), content=None, direction=None):
    content = content or padded
    sizes = dict(ori_shape=content, img_shape=content, batch_input_shape=padded)
    flip = dict(flip=direction is not None, flip_direction=direction)
    return DetDataSample(metainfo=sizes | flip)


def random(*shape, seed=0, scale=4.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ramp(geometry, size, along=(0.3, -0.7)):
    """Return values at mask pixels that are linear in the place on the image, 0 to 1."""
    shares = []
    for axis in (0, 1):
        pixels = torch.linspace(0, geometry.padded[axis] - 1, size[axis], dtype=torch.float64)
        share = pixels / (geometry.content[axis] - 1)
        shares.append(1 - share if axis in geometry.flipped else share)
    return (along[0] * shares[0][:, None] + along[1] * shares[1])[None]


@pytest.mark.parametrize('flipped', [(), (0,), (1,), (0, 1)])
def test_resampling_keeps_what_is_linear_in_the_image(flipped):
    target = ViewGeometry((65, 97), (60, 97))
    view = ViewGeometry((129, 129), (95, 129), flipped)
    found = view.bring_onto(target, (17, 25), ramp(view, (33, 33)))
    inside = target.inside((17, 25))
    assert inside.sum() == 15 * 25
    torch.testing.assert_close(found[0][inside], ramp(target, (17, 25))[0][inside])


def test_the_same_geometry_changes_no_bit():
    view = ViewGeometry((65, 1281), (37, 851))
    masks = random(3, 17, 321)
    assert view.bring_onto(view, (17, 321), masks).equal(masks)


def test_unknown_flip_is_named():
    with pytest.raises(ValueError, match="flip_direction is 'left'"):
        ViewGeometry.from_metainfo(sample(direction='left').metainfo)


def test_matched_queries_are_averaged():
    order = torch.tensor([2, 0, 3, 1])
    classes, masks = random(4, 6, seed=1), random(4, 17, 25, seed=2)
    others = classes + random(4, 6, seed=3, scale=0.3), masks + random(4, 17, 25, seed=4, scale=0.3)
    views = [
        View(sample(), classes, masks),
        View(sample(direction='horizontal'), others[0][order], others[1][order].flip(2)),
    ]
    found = merge_views(views)
    for merged, first, second, dim in zip(found, (classes, masks), others, (1, 0), strict=True):
        expected = (first.softmax(dim) + second.softmax(dim)) / 2
        torch.testing.assert_close(merged.softmax(dim), expected)
        torch.testing.assert_close(merged.exp(), expected)


def test_padding_is_that_of_the_first_view():
    size = (17, 25)
    masks, others = random(4, *size), random(4, *size, seed=5)
    classes = random(4, 6)
    views = [
        View(sample(content=(41, 97)), classes, masks),
        View(sample(content=(41, 97), direction='vertical'), classes, others),
    ]
    _, merged = merge_views(views)
    # The image ends with row 40, mask row 10.
    torch.testing.assert_close(merged[:, 11:].softmax(0), masks[:, 11:].softmax(0))
    assert not torch.allclose(merged[:, :11].softmax(0), masks[:, :11].softmax(0))


@pytest.fixture(scope='module')
def model(nano_model):
    config = nano_model()
    thresholds = [name for name in vars(PostprocessConfig()) if 'threshold' in name]
    config.test_cfg.update(dict.fromkeys(thresholds, 0.2), instance_on=True, overlap_threshold=0.1)
    model = build_model(dict(type='KMaXTTAModel', module=config))
    # Contrasts, which fresh weights do not have.
    predictor = model.module.panoptic_head.predictor
    torch.nn.init.normal_(predictor.class_head.weight, std=5.0)
    torch.nn.init.constant_(predictor.mask_bn.weight, 5.0)
    return model.eval()


def run(model, images, directions=(None,)):
    """Return the results of images seen as they are and mirrored, or only one of both."""
    views = [[x if d is None else x.flip(2) for x in images] for d in directions]
    samples = [[sample(tuple(x.shape[1:]), direction=d) for x in images] for d in directions]
    return model.test_step(dict(inputs=views, data_samples=samples))


def image(height=65, width=97, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 7, generator=generator) * 255
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode='bilinear')[0]


@pytest.mark.parametrize('rule', RULES)
def test_identical_views_equal_one(model, rule):
    model.module.panoptic_fusion_head.test_cfg.postprocess = rule
    images = [image(61, 90, seed) for seed in (0, 1)]
    samples = [sample((61, 90)) for _ in images]
    plain = model.module.test_step(dict(inputs=images, data_samples=samples))
    found = run(model, images, (None, None, None))
    for one, several in zip(plain, found, strict=True):
        panoptic = several.pred_panoptic_seg.sem_seg
        assert len(panoptic.unique()) > 2
        assert panoptic.equal(one.pred_panoptic_seg.sem_seg)
        assert several.pred_sem_seg.sem_seg.equal(one.pred_sem_seg.sem_seg)
        ours, expected = several.pred_instances, one.pred_instances
        assert ours.labels.equal(expected.labels) and ours.masks.equal(expected.masks)
        torch.testing.assert_close(ours.scores, expected.scores)


@pytest.mark.parametrize('rule', RULES)
def test_mirrored_image_has_the_mirrored_result(model, rule):
    model.module.panoptic_fusion_head.test_cfg.postprocess = rule
    directions = (None, 'horizontal')
    (one,), (other,) = run(model, [image()], directions), run(model, [image().flip(2)], directions)
    for name in ('pred_panoptic_seg', 'pred_sem_seg'):
        found, expected = other.get(name).sem_seg.flip(2) % 1000, one.get(name).sem_seg % 1000
        assert len(expected.unique()) > 1
        assert (found == expected).float().mean() > 0.999
    (plain,) = run(model, [image()])
    assert not plain.pred_panoptic_seg.sem_seg.equal(one.pred_panoptic_seg.sem_seg)


def test_enlarged_views_outgrow_the_padding(model):
    preprocessor = model.module.data_preprocessor
    preprocessor.pad_size = (65, 97)
    try:
        views = [[image()], [image(81, 121)]]
        samples = [[sample()], [sample((81, 121))]]
        samples[1][0].set_metainfo(dict(ori_shape=(65, 97)))
        (found,) = model.test_step(dict(inputs=views, data_samples=samples))
    finally:
        preprocessor.pad_size = None
    assert found.pred_panoptic_seg.sem_seg.shape == (1, 65, 97)
