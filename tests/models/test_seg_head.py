"""The head in mmseg's EncoderDecoder."""

import pytest
import torch
from helpers import panoptic_sample
from mmdet.registry import MODELS as DET_MODELS
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from projects.kmax.models import KMaXFusionHead, KMaXSegHead
from projects.kmax.models.encoder_decoder import KMaXEncoderDecoder

CLASSES = 5
NORMALISING = dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[127.5] * 3)


@pytest.fixture
def segmentor(tiny_head):
    torch.manual_seed(0)
    init_default_scope('mmseg')
    model = MODELS.build(
        dict(
            type='EncoderDecoder',
            data_preprocessor=dict(NORMALISING, size=(97, 129), test_cfg=dict(size=(97, 129))),
            backbone=dict(type='mmdet.KMaXResNet', depth=18, stem_channels=8, base_channels=8),
            decode_head=dict(type='KMaXSegHead', num_classes=CLASSES, **tiny_head),
            test_cfg=ConfigDict(mode='whole'),
        )
    )
    model.init_weights()
    # Contrasts, which fresh weights do not have.
    predictor = model.decode_head.predictor
    torch.nn.init.normal_(predictor.class_head.weight, std=5.0)
    torch.nn.init.constant_(predictor.mask_bn.weight, 5.0)
    return model


def batch(height=80, width=129):
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)
    semantic = torch.randint(0, CLASSES, (1, 1, 6, 8), generator=generator).float()
    semantic = torch.nn.functional.interpolate(semantic, size=(height, width)).long()[0]
    semantic[:, :20] = 255
    meta = dict(img_path='a.jpg', seg_map_path='a.png', img_shape=(height, width))
    meta['ori_shape'] = (2 * height, 2 * width)
    sample = SegDataSample(gt_sem_seg=PixelData(data=semantic), metainfo=meta)
    return dict(inputs=[image], data_samples=[sample])


def test_loss_is_that_of_stuff_masks(segmentor, tiny_head):
    segmentor.eval()
    data = segmentor.data_preprocessor(batch(), training=True)
    torch.manual_seed(3)
    found = segmentor.loss(**data)
    semantic = data['data_samples'][0].gt_sem_seg.data
    # Class k is segment k + 1 of the original's samples, and void 0.
    ids = torch.where(semantic == 255, 0, semantic + 1)
    panoptic = panoptic_sample(ids, torch.arange(CLASSES))
    with DET_MODELS.switch_scope_and_registry('mmdet'):
        counts = dict(num_things_classes=0, num_stuff_classes=CLASSES)
        head = DET_MODELS.build(dict(type='KMaXHead', **counts, **tiny_head))
    head.load_state_dict(segmentor.decode_head.state_dict())
    torch.manual_seed(3)
    expected = head.eval().loss(segmentor.extract_feat(data['inputs']), [panoptic])
    expected = {f'decode.{name}': value for name, value in expected.items()}
    torch.testing.assert_close(found, expected)
    assert found['decode.loss_dice'] > 0


def test_logits_follow_the_semantic_rule_of_the_port(segmentor):
    segmentor.eval()
    inputs = torch.randn(2, 3, 97, 129, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        feats = segmentor.extract_feat(inputs)
        metas = [dict(img_shape=(97, 129))] * 2
        logits = segmentor.decode_head.predict(feats, metas)
        cls_logits, mask_logits = super(KMaXSegHead, segmentor.decode_head).predict(feats)
    fusion = KMaXFusionHead(0, CLASSES, dict(postprocess='port', semantic_on=True))
    samples = [DetDataSample(metainfo=dict(ori_shape=(97, 129))) for _ in range(2)]
    expected = fusion.predict(cls_logits, mask_logits, samples)
    assert logits.shape == (2, CLASSES, 97, 129) and logits.min() >= 0
    for image, result in zip(logits, expected, strict=True):
        assert len(image.argmax(0).unique()) > 1
        assert (image.argmax(0) == result['sem_results'].sem_seg[0]).float().mean() > 0.999
    void = 1 - logits.sum(1)
    assert void.min() > -1e-5 and void.max() < 1 + 1e-5


def test_padding_is_mid_grey_and_left_out_of_the_result(segmentor):
    segmentor.eval()
    data = segmentor.data_preprocessor(batch(), training=False)
    assert data['inputs'].shape[-2:] == (97, 129) and not data['inputs'][..., 80:, :].any()
    with torch.no_grad():
        (sample,) = segmentor.predict(**data)
    assert sample.pred_sem_seg.data.shape == (1, 160, 258)
    assert sample.seg_logits.data.shape == (CLASSES, 160, 258)


def test_windows_are_predicted_at_their_own_size(segmentor):
    segmentor.eval()
    segmentor.test_cfg = ConfigDict(mode='slide', crop_size=(65, 97), stride=(32, 32))
    with torch.no_grad():
        (sample,) = segmentor.predict(torch.randn(1, 3, 97, 129))
    assert sample.seg_logits.data.shape == (CLASSES, 97, 129)


def test_unknown_label_is_named(segmentor):
    data = batch()
    data['data_samples'][0].gt_sem_seg.data[0, 50] = CLASSES
    data = segmentor.data_preprocessor(data, training=True)
    with pytest.raises(ValueError, match=r'a\.png of image a\.jpg holds labels \[5\].* is 5'):
        segmentor.loss(**data)


def test_image_of_void_has_a_finite_loss(segmentor):
    data = batch()
    data['data_samples'][0].gt_sem_seg.data[:] = 255
    data = segmentor.data_preprocessor(data, training=True)
    losses = segmentor.loss(**data)
    assert all(torch.isfinite(value).all() for value in losses.values())


def test_evidence_that_is_not_finite_is_refused():
    model = KMaXEncoderDecoder.__new__(KMaXEncoderDecoder)
    torch.nn.Module.__init__(model)
    evidence = torch.zeros(2, CLASSES, 3, 4)
    evidence[1, 2, 1, 1] = torch.nan
    samples = [SegDataSample(metainfo=dict(img_path=f'{name}.png')) for name in 'ab']
    with pytest.raises(ValueError, match='not finite for image b.png: check the weights'):
        model.postprocess_result(evidence, samples)
