import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from projects.kmax.models import KMaXSegTTAModel


class Stub(BaseModel):
    """A model to wrap; nothing here runs it."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        raise AssertionError('not run')


def view(*evidence):
    """A view of one pixel, with some evidence for each class."""
    data = torch.tensor(evidence)[:, None, None]
    truth = PixelData(data=torch.ones(1, 1, 1))
    return SegDataSample(seg_logits=PixelData(data=data), gt_sem_seg=truth)


def test_evidence_is_averaged():
    # The mean of softmaxes, as mmseg takes it, would be largest for class 1.
    views = [view(0.30, 0.18, 0.25), view(0.06, 0.38, 0.32)]
    [merged] = KMaXSegTTAModel(Stub()).merge_preds([views])
    torch.testing.assert_close(merged.seg_logits.data[:, 0, 0], torch.tensor([0.18, 0.28, 0.285]))
    assert merged.pred_sem_seg.data.tolist() == [[[2]]]
    assert merged.gt_sem_seg.data.item() == 1


def test_each_image_on_its_own():
    images = [[view(0.9, 0.1), view(0.8, 0.2)], [view(0.2, 0.8), view(0.4, 0.6)]]
    merged = KMaXSegTTAModel(Stub()).merge_preds(images)
    assert [sample.pred_sem_seg.data.item() for sample in merged] == [0, 1]
