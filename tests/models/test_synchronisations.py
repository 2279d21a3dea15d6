"""The host waits once: for the queries to match in training, for the counts in prediction."""

import pytest
import torch
from helpers import build_model, panoptic_sample
from mmdet.structures import DetDataSample
from waits import CountWaits, transfers  # noqa: F401

from projects.kmax.models import KMaXFusionHead
from projects.kmax.models.postprocess import merging, transfer


def test_forward_criterion_and_backward_wait_once(nano_model, transfers):  # noqa: F811
    model = build_model(nano_model())
    ids = torch.randint(0, 3, (1, 65, 65), generator=torch.Generator().manual_seed(0))

    def step():
        batch = dict(
            inputs=[torch.zeros(3, 65, 65, dtype=torch.uint8)] * 2,
            data_samples=[panoptic_sample(ids, [0, 3]) for _ in range(2)],
        )
        batch = model.data_preprocessor(batch, training=True)
        transfers.clear()
        loss = model.loss(batch['inputs'], batch['data_samples'])
        sum(value for name, value in loss.items() if 'loss' in name).backward()

    step()
    with CountWaits() as waits:
        step()
    assert waits.names == []
    # What the matcher brings over, it reads as an array.
    assert transfers == ['cpu', 'numpy']


def as_on_accelerators(monkeypatch):
    """Take the ways of tensors that the host has to wait for."""
    for module in (transfer, merging):
        monkeypatch.setattr(module, 'is_on_host', lambda tensor: False)


@pytest.mark.parametrize('rules', ['deeplab2', 'port'])
@pytest.mark.parametrize('semantic', [False, True])
def test_prediction_waits_once(rules, semantic, transfers, monkeypatch):  # noqa: F811
    limits = dict(thing_area_limit=4, stuff_area_limit=4)
    head = KMaXFusionHead(3, 2, dict(postprocess=rules, semantic_on=semantic, **limits))
    sample = DetDataSample(
        metainfo=dict(img_shape=(65, 97), ori_shape=(48, 70), batch_input_shape=(97, 97))
    )
    torch.manual_seed(0)
    logits = 3 * torch.randn(1, 16, 6), 5 * torch.randn(1, 16, 25, 25)
    (expected,) = head.predict(*logits, [sample])
    as_on_accelerators(monkeypatch)
    transfers.clear()
    with CountWaits() as waits:
        (found,) = head.predict(*logits, [sample])
    assert waits.names == []
    # The areas are looked at where they are, on the host.
    assert transfers == ['cpu', 'numpy', 'numpy'][: 3 if rules == 'deeplab2' else 2]
    for name, maps in expected.items():
        for key, value in maps.items():
            assert torch.equal(found[name].get(key), value), (name, key)
    assert len(expected['pan_results'].sem_seg.unique()) > 3
