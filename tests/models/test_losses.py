"""The losses at the edges, their options and their precision."""

import pytest
import torch
import torch.nn.functional as F

from projects.kmax.models.losses import KMaXCriterion
from projects.kmax.models.losses.ground_truth import GroundTruthMasks
from projects.kmax.models.losses.sampling import gumbel_noise
from projects.kmax.models.structures import KMaXOutput, KMaXPrediction, KMaXTargets


def small_output(dtype: torch.dtype = torch.float32) -> KMaXOutput:
    generator = torch.Generator().manual_seed(0)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator, dtype=dtype)

    def level(height: int, width: int) -> KMaXPrediction:
        return KMaXPrediction(
            cls_logits=draw(2, 6, 5).requires_grad_(),
            mask_logits=draw(2, 6, height, width).requires_grad_(),
            pixel_feature=F.normalize(draw(2, 8, height, width), dim=1).requires_grad_(),
        )

    return KMaXOutput(
        **vars(level(9, 13)),
        aux=[level(3, 4), level(5, 7)],
        semantic_logits=draw(2, 5, 5, 7).requires_grad_(),
    )


def small_targets(masks: torch.Tensor, void: torch.Tensor | None = None) -> KMaXTargets:
    labels = torch.arange(len(masks)) % 4
    return KMaXTargets(
        labels=labels,
        masks=masks,
        is_thing=labels < 2,
        semantic=(masks.long() * labels[:, None, None]).sum(0),
        void=~masks.any(0) if void is None else void,
        weight=torch.ones(masks.shape[1:]),
    )


def stripes(count: int) -> torch.Tensor:
    """``count`` masks that share the 9 x 13 image, one row of pixels after another."""
    cells = torch.arange(9 * 13).view(9, 13) % count
    return cells == torch.arange(count)[:, None, None]


NOTHING = torch.zeros(0, 9, 13, dtype=torch.bool)
DOT = F.pad(torch.ones(1, 1, 1, dtype=torch.bool), (3, 9, 2, 6))
EDGES = {
    'no mask in one image': [small_targets(NOTHING), small_targets(stripes(3))],
    'no mask at all, all void': [small_targets(NOTHING), small_targets(NOTHING)],
    'labelled but without masks': [
        small_targets(NOTHING, torch.zeros(9, 13, dtype=torch.bool)),
        small_targets(stripes(2)),
    ],
    'more masks than queries': [small_targets(stripes(11)), small_targets(stripes(6))],
    'masks of one pixel': [small_targets(DOT), small_targets(stripes(117))],
    'an empty mask': [small_targets(torch.cat([DOT, DOT & False])), small_targets(stripes(1))],
}


@pytest.mark.parametrize('edge', EDGES)
@pytest.mark.parametrize('num_samples', [20, 4096])
def test_edges_stay_finite(edge, num_samples):
    output = small_output()
    sampling = dict(num_samples=num_samples)
    losses = KMaXCriterion(4, loss_insdis=sampling, loss_semantic=sampling)(output, EDGES[edge])
    sum(losses.values()).backward()
    for name, loss in losses.items():
        assert torch.isfinite(loss), name
    for level in (output, *output.aux):
        for values in (level.cls_logits, level.mask_logits, level.pixel_feature):
            assert torch.isfinite(values.grad).all()
    assert torch.isfinite(output.semantic_logits.grad).all()


@pytest.mark.parametrize('name, value', [('void', 'crowd'), ('align_corners', False)])
def test_unknown_options_are_named(name, value):
    with pytest.raises(ValueError, match=f'KMaXCriterion: {name} is {value!r}, expected one of'):
        KMaXCriterion(4, **{name: value})


def test_auxiliary_resizing_follows_the_parity_of_the_height():
    targets, odd, even = [small_targets(stripes(3))] * 2, small_output(), small_output()
    values = vars(even.aux[0]).values()
    even.aux[0] = KMaXPrediction(*[x[..., :2, :] if x.dim() > 3 else x for x in values])
    noise = [torch.zeros(2, 117)] * 3
    for output, same in ((odd, True), (even, False)):
        ours = KMaXCriterion(4)(output, targets, noise)
        theirs = KMaXCriterion(4, align_corners='odd_height')(output, targets, noise)
        for name, loss in ours.items():
            resized = name in ('d0.loss_dice', 'd0.loss_mask', 'd0.loss_insdis')
            assert torch.equal(loss, theirs[name]) == (same or not resized), name


def test_statistics_describe_queries_and_pixels():
    targets = [small_targets(stripes(3)), small_targets(NOTHING)]
    output = small_output()
    with torch.no_grad():
        output.cls_logits.zero_()[0, torch.arange(6), torch.tensor([0, 1, 2, 4, 4, 3])] = 9
        output.cls_logits[1, :, 4] = 9
        # Queries 0 and 1 find their masks; the pixels of the third go to query 0.
        owner = torch.tensor([0, 1, 0])[torch.arange(117) % 3].view(9, 13)
        output.mask_logits.copy_(9 * (owner == torch.arange(6)[:, None, None]))
    criterion = KMaXCriterion(4)
    found = criterion(output, targets, [torch.zeros(2, 117)] * 3, with_statistics=True)
    losses = criterion(output, targets, [torch.zeros(2, 117)] * 3)
    assert {name for name in found if 'loss' in name} == set(losses)
    accuracies = {f'{level}pixel_accuracy' for level in ('', 'd0.', 'd1.')}
    assert set(found) - set(losses) == {'matched', 'class_accuracy', 'void_share', *accuracies}
    assert found['matched'] == 1.5 and found['class_accuracy'] == 1
    assert found['void_share'] == pytest.approx(8 / 12)
    assert found['pixel_accuracy'] == pytest.approx(2 / 3)
    assert not any(found[name].requires_grad for name in set(found) - set(losses))


def test_nan_stays_visible():
    output = small_output()
    output.mask_logits.data[0, 0] = float('nan')
    output.aux[0].pixel_feature.data[1] = float('nan')
    losses = KMaXCriterion(4)(output, [small_targets(stripes(3))] * 2)
    assert losses['loss_mask'].isnan() and losses['d0.loss_insdis'].isnan()
    assert losses['d1.loss_mask'].isfinite()


def test_losses_keep_float64_and_leave_half_precision():
    targets = [small_targets(stripes(3))] * 2
    noise = [gumbel_noise((2, 117), torch.zeros(1, dtype=torch.float64)) for _ in range(3)]
    exact = KMaXCriterion(4)(small_output(dtype=torch.float64), targets, noise)
    assert all(loss.dtype == torch.float64 for loss in exact.values())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        single = KMaXCriterion(4)(small_output(), targets)
    assert all(loss.dtype == torch.float32 for loss in single.values())


def test_wrong_number_of_classes_is_named():
    with pytest.raises(ValueError, match='5 channels, expected 8'):
        KMaXCriterion(7)(small_output(), [small_targets(stripes(3))] * 2)


def test_min_weight_lets_hardly_found_masks_learn():
    output, targets = small_output(), [small_targets(stripes(3))] * 2
    truth = GroundTruthMasks.collate(targets, (9, 13), torch.float32, 'semantic')
    logits = output.cls_logits.detach(), output.mask_logits.detach().flatten(2)
    weak = KMaXCriterion(4).match(*logits, truth)
    raised = KMaXCriterion(4, min_weight=0.9).match(*logits, truth)
    assert weak.cls_weight[weak.matched].max() < 0.9 and weak.mask_weight.max() < 0.9
    assert (raised.cls_weight[weak.matched] == 0.9).all()
    assert (raised.mask_weight[weak.matched] == 0.9).all()
    assert torch.equal(raised.cls_weight[~weak.matched], weak.cls_weight[~weak.matched])
    assert (raised.mask_weight[~weak.matched] == 0).all()


BANDS = torch.arange(117).view(9, 13)
OVERLAPPING = torch.stack([BANDS < 40, (BANDS > 20) & (BANDS < 70), BANDS % 5 == 0])


@pytest.mark.parametrize(
    'options, masks',
    [
        (dict(), stripes(4)),
        (dict(void='unmatched', align_corners='odd_height'), stripes(4)),
        (dict(void='unmatched', split_overlaps=True), OVERLAPPING),
    ],
)
def test_gradients_agree_with_finite_differences(options, masks):
    torch.manual_seed(0)
    targets = [small_targets(masks), small_targets(DOT)]
    output = small_output(dtype=torch.float64)
    noise = [gumbel_noise((2, 117), output.mask_logits) for _ in range(3)]
    criterion = KMaXCriterion(4, loss_insdis=dict(num_samples=30), **options)
    matched_to = output.cls_logits.detach().clone(), output.mask_logits.detach().clone()
    masks = GroundTruthMasks.collate(targets, (9, 13), torch.float64, criterion.void)
    matches = criterion.match(matched_to[0], matched_to[1].flatten(2), masks)
    assert (matches.shares is not None) == criterion.split_overlaps
    criterion.match = lambda *_: matches
    loss = sum(criterion(output, targets, noise).values())
    loss.backward()
    for values in (output.aux[0].mask_logits, output.aux[1].pixel_feature, output.mask_logits):
        direction = torch.randn_like(values)
        difference = []
        for step in (1e-5, -1e-5):
            values.data += step * direction
            difference.append(sum(criterion(output, targets, noise).values()).item())
            values.data -= step * direction
        slope = (difference[0] - difference[1]) / 2e-5
        assert slope == pytest.approx((values.grad * direction).sum().item(), rel=1e-6)


def test_targets_coarser_than_the_logits_are_refused():
    with pytest.raises(ValueError, match='targets of 5x13 pixels are coarser than .* of 9x13'):
        KMaXCriterion(4)(small_output(), [small_targets(stripes(3)[:, :5])] * 2)


@pytest.mark.parametrize('num_samples, entries', [(0, 3), (20, 4)])
def test_noise_has_one_entry_per_sampling(num_samples, entries):
    criterion = KMaXCriterion(4, loss_semantic=dict(num_samples=num_samples))
    output, targets = small_output(), [small_targets(stripes(3))] * 2
    noise = [torch.zeros(2, 9 * 13) for _ in range(3)] + [torch.zeros(2, 5 * 7)] * 2
    assert criterion(output, targets, noise[:entries])['loss_semantic'].isfinite()
    for wrong in (entries - 1, entries + 1):
        with pytest.raises(ValueError, match=f'noise has {wrong} entries, expected {entries}'):
            criterion(output, targets, noise[:wrong])
